BEGIN TRANSACTION;
CREATE TABLE alert_attempts (
	id INTEGER NOT NULL, 
	message_id INTEGER NOT NULL, 
	number INTEGER NOT NULL, 
	outcome VARCHAR NOT NULL, 
	detail VARCHAR NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT known_delivery CHECK (outcome IN ('delivered', 'unavailable', 'refused')), 
	UNIQUE (message_id, number), 
	FOREIGN KEY(message_id) REFERENCES alert_messages (id)
);
INSERT INTO "alert_attempts" VALUES(1,1,1,'unavailable','no answer','2018-01-01 00:00:00.000000');
CREATE TABLE alert_events (
	id INTEGER NOT NULL, 
	fingerprint VARCHAR NOT NULL, 
	sequence INTEGER NOT NULL, 
	event VARCHAR NOT NULL, 
	rule VARCHAR NOT NULL, 
	subject VARCHAR NOT NULL, 
	onset DATETIME NOT NULL, 
	severity VARCHAR NOT NULL, 
	owner VARCHAR NOT NULL, 
	message VARCHAR NOT NULL, 
	runbook VARCHAR NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	run_id VARCHAR, 
	PRIMARY KEY (id), 
	CONSTRAINT known_alert_event CHECK (event IN ('firing', 'escalated', 'reminded', 'acknowledged', 'resolved')), 
	CONSTRAINT known_severity CHECK (severity IN ('info', 'ticket', 'page')), 
	UNIQUE (fingerprint, sequence)
);
INSERT INTO "alert_events" VALUES(1,'2b2a51df70a161c58c625648d5a5b96aa372e3b51498765c2dd8a592b1b5adf3',1,'firing','run_failed','hourly','2018-01-01 00:00:00.000000','ticket','anna','It failed.','Alert run_failed','automation','a look','2018-01-01 00:00:00.000000',NULL);
CREATE TABLE alert_messages (
	id INTEGER NOT NULL, 
	event_id INTEGER NOT NULL, 
	channel VARCHAR NOT NULL, 
	"key" VARCHAR NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (event_id, channel), 
	FOREIGN KEY(event_id) REFERENCES alert_events (id)
);
INSERT INTO "alert_messages" VALUES(1,1,'a','8877dce324d1e9ccd0d30665307df516','2018-01-01 00:00:00.000000');
CREATE TABLE alias_events (
	id INTEGER NOT NULL, 
	alias VARCHAR NOT NULL, 
	sequence INTEGER NOT NULL, 
	version VARCHAR NOT NULL, 
	previous_version VARCHAR, 
	artifact_sha256 VARCHAR NOT NULL, 
	evaluation_id INTEGER NOT NULL, 
	effective_at DATETIME NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	run_id VARCHAR, 
	evidence JSON NOT NULL, 
	PRIMARY KEY (id), 
	CONSTRAINT not_from_the_future CHECK (effective_at <= recorded_at), 
	UNIQUE (alias, sequence), 
	FOREIGN KEY(version, artifact_sha256, evaluation_id) REFERENCES evaluations (version, artifact_sha256, id)
);
INSERT INTO "alias_events" VALUES(1,'champion',1,'v1',NULL,'3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe',1,'2017-12-20 00:00:00.000000','2018-01-01 00:00:00.000000','bob','better recall',NULL,'{}');
INSERT INTO "alias_events" VALUES(2,'champion',2,'v2','v1','fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990',2,'2017-12-20 00:00:00.000000','2018-01-01 00:00:00.000000','bob','better recall',NULL,'{}');
CREATE TABLE audit_log (
	sequence INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	"row" INTEGER NOT NULL, 
	content TEXT NOT NULL, 
	previous_hash VARCHAR NOT NULL, 
	hash VARCHAR NOT NULL, 
	PRIMARY KEY (sequence), 
	UNIQUE (kind, "row")
);
INSERT INTO "audit_log" VALUES(1,'policies',1,'{"actor":"registry","approved_by":[],"content":{"promotion":{"min_reason_length":5}},"content_sha256":"afc3a11bca6c3ab81e57d6955881571d748f4ec28ce2c9e72f3a5698f7975774","id":1,"previous_sha256":null,"reason":"the first policy: what the configuration files said when the registry was made or upgraded","recorded_at":"2018-01-01T00:00:00+00:00","run_id":null,"signature":null}','0000000000000000000000000000000000000000000000000000000000000000','112f3f07b40957e747140d09a5598657dffb6d44e198c18694a50fbf74699524');
INSERT INTO "audit_log" VALUES(2,'model_versions',1,'{"artifact_sha256":"3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe","created_at":"2018-01-01T00:00:00+00:00","created_by":"ann","dataset_day":"2017-12-19","dataset_sha256":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","detector":"isolation_forest","manifest":{"clip":null,"features":["b","a"],"seed":42},"number":1,"run_id":"run-1","version":"v1"}','112f3f07b40957e747140d09a5598657dffb6d44e198c18694a50fbf74699524','72771ffdf31f5aefc590cadc705da288ee91c67ef4cc9442d9cc88523fa6e1f1');
INSERT INTO "audit_log" VALUES(3,'evaluations',1,'{"actor":"ann","artifact_sha256":"3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe","gates":[{"detail":"of 100 rows","name":"anomaly_rate","passed":true,"threshold":"2 % to 20 %","value":0.05}],"holdout_sha256":"d179b28cc8927b726d766bc0a22ed40ffc879d40f62a100e7d97dabb24253669","id":1,"metrics":{"recall":null,"silhouette":0.4},"passed":true,"recorded_at":"2018-01-01T00:00:00+00:00","run_id":"run-2","thresholds":{"min_score_gap":0.05},"version":"v1"}','72771ffdf31f5aefc590cadc705da288ee91c67ef4cc9442d9cc88523fa6e1f1','4177e9cf2d45240e1f10e6da330933286b319e0ef956a8bc86a76068946232b3');
INSERT INTO "audit_log" VALUES(4,'model_versions',2,'{"artifact_sha256":"fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990","created_at":"2018-01-01T00:00:00+00:00","created_by":"ann","dataset_day":"2017-12-19","dataset_sha256":"b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576","detector":"isolation_forest","manifest":{"clip":null,"features":["b","a"],"seed":42},"number":2,"run_id":"run-1","version":"v2"}','4177e9cf2d45240e1f10e6da330933286b319e0ef956a8bc86a76068946232b3','110ebdd85c133008429ff7fbe9222ee166a41b4f95c6b6e89a184b708d94d4fb');
INSERT INTO "audit_log" VALUES(5,'evaluations',2,'{"actor":"ann","artifact_sha256":"fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990","gates":[{"detail":"of 100 rows","name":"anomaly_rate","passed":true,"threshold":"2 % to 20 %","value":0.05}],"holdout_sha256":"d179b28cc8927b726d766bc0a22ed40ffc879d40f62a100e7d97dabb24253669","id":2,"metrics":{"recall":null,"silhouette":0.4},"passed":true,"recorded_at":"2018-01-01T00:00:00+00:00","run_id":"run-2","thresholds":{"min_score_gap":0.05},"version":"v2"}','110ebdd85c133008429ff7fbe9222ee166a41b4f95c6b6e89a184b708d94d4fb','0bfa49ccb15d5619aa9e67b166644b7acd40e38ec107c3d03dd72cb302897a56');
INSERT INTO "audit_log" VALUES(6,'alias_events',1,'{"actor":"bob","alias":"champion","artifact_sha256":"3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe","effective_at":"2017-12-20T00:00:00+00:00","evaluation_id":1,"evidence":{},"id":1,"previous_version":null,"reason":"better recall","recorded_at":"2018-01-01T00:00:00+00:00","run_id":null,"sequence":1,"version":"v1"}','0bfa49ccb15d5619aa9e67b166644b7acd40e38ec107c3d03dd72cb302897a56','696f615746e1d0c5bfb821f1dff707e7ce9ebe156046288184b783818cf30294');
INSERT INTO "audit_log" VALUES(7,'alias_events',2,'{"actor":"bob","alias":"champion","artifact_sha256":"fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990","effective_at":"2017-12-20T00:00:00+00:00","evaluation_id":2,"evidence":{},"id":2,"previous_version":"v1","reason":"better recall","recorded_at":"2018-01-01T00:00:00+00:00","run_id":null,"sequence":2,"version":"v2"}','696f615746e1d0c5bfb821f1dff707e7ce9ebe156046288184b783818cf30294','50e4e33c0638e3a1201d3189cc02288b2b97560be1172edb661af70c27d645f8');
INSERT INTO "audit_log" VALUES(8,'drift_decisions',1,'{"action":"none","actor":"automation","cause":"data-sudden-2026-01-20-v1","champion":"v1","day":"2026-01-20","effective_at":"2018-01-01T00:00:00+00:00","facts":{"fast":true,"peak":6.5},"family":"data","id":1,"leave_out":[],"reason":"it drifts","recorded_at":"2018-01-01T00:00:00+00:00","run_id":null,"state":"watch","table_row":5,"threshold":null}','50e4e33c0638e3a1201d3189cc02288b2b97560be1172edb661af70c27d645f8','05b8ab455190638fad77646ca3ae040fc1dc402b2ace28c80ed2df6d4c9ff171');
INSERT INTO "audit_log" VALUES(9,'alert_events',1,'{"actor":"automation","event":"firing","fingerprint":"2b2a51df70a161c58c625648d5a5b96aa372e3b51498765c2dd8a592b1b5adf3","id":1,"message":"It failed.","onset":"2018-01-01T00:00:00+00:00","owner":"anna","reason":"a look","recorded_at":"2018-01-01T00:00:00+00:00","rule":"run_failed","run_id":null,"runbook":"Alert run_failed","sequence":1,"severity":"ticket","subject":"hourly"}','05b8ab455190638fad77646ca3ae040fc1dc402b2ace28c80ed2df6d4c9ff171','5eabe90b91cdfb60b5f16f9ec29517c5d6f6d4e272c5fcdc952dd27915b580bc');
INSERT INTO "audit_log" VALUES(10,'alert_messages',1,'{"channel":"a","event_id":1,"id":1,"key":"8877dce324d1e9ccd0d30665307df516","recorded_at":"2018-01-01T00:00:00+00:00"}','5eabe90b91cdfb60b5f16f9ec29517c5d6f6d4e272c5fcdc952dd27915b580bc','0610edcd7e1b130207cecbc9fce7475f80df46152bb49de3a8a3ce42b9a9c9b1');
INSERT INTO "audit_log" VALUES(11,'alert_attempts',1,'{"detail":"no answer","id":1,"message_id":1,"number":1,"outcome":"unavailable","recorded_at":"2018-01-01T00:00:00+00:00"}','0610edcd7e1b130207cecbc9fce7475f80df46152bb49de3a8a3ce42b9a9c9b1','8e3a88e198369384045611c65815e9635f6d6cae5bfc0ef377b2dcbf5f131480');
INSERT INTO "audit_log" VALUES(12,'traffic_events',1,'{"actor":"bob","alias":"champion","alias_sequence":null,"candidate":"v1","candidate_sha256":"3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe","champion":"v2","champion_sha256":"fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990","effective_at":"2018-01-01T00:00:00+00:00","facts":{"asked":true},"id":1,"reason":"a better one","recorded_at":"2018-01-01T00:00:00+00:00","rollout":1,"ruling":"open","run_id":null,"salt":"s1","sequence":1,"shadow":false,"state":"staging","weight":0}','8e3a88e198369384045611c65815e9635f6d6cae5bfc0ef377b2dcbf5f131480','09302534495f753f73063daad642cc779b40d038075b26443b3ee443a7b26e07');
INSERT INTO "audit_log" VALUES(13,'traffic_events',2,'{"actor":"automation","alias":"champion","alias_sequence":null,"candidate":"v1","candidate_sha256":"3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe","champion":"v2","champion_sha256":"fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990","effective_at":"2018-01-01T00:00:00+00:00","facts":{},"id":2,"reason":"as planned","recorded_at":"2018-01-01T00:00:00+00:00","rollout":1,"ruling":"advance","run_id":null,"salt":"s1","sequence":2,"shadow":true,"state":"shadow","weight":0}','09302534495f753f73063daad642cc779b40d038075b26443b3ee443a7b26e07','c8e9de1413fd6798358f34cdd893aca1b539a177ee7267d85fcbf0ecf4b6b784');
INSERT INTO "audit_log" VALUES(14,'traffic_events',3,'{"actor":"automation","alias":"champion","alias_sequence":null,"candidate":"v1","candidate_sha256":"3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe","champion":"v2","champion_sha256":"fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990","effective_at":"2018-01-01T00:00:00+00:00","facts":{},"id":3,"reason":"as planned","recorded_at":"2018-01-01T00:00:00+00:00","rollout":1,"ruling":"roll_back","run_id":null,"salt":"s1","sequence":3,"shadow":false,"state":"rolled_back","weight":0}','c8e9de1413fd6798358f34cdd893aca1b539a177ee7267d85fcbf0ecf4b6b784','8e934fbc389752f4b6cbcf87c9be33eef8d1c59a001da16131c352b13ad1680e');
CREATE TABLE corrections (
	id INTEGER NOT NULL, 
	alias VARCHAR NOT NULL, 
	sequence INTEGER NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	run_id VARCHAR, 
	PRIMARY KEY (id), 
	UNIQUE (alias, sequence), 
	FOREIGN KEY(alias, sequence) REFERENCES alias_events (alias, sequence)
);
CREATE TABLE decisions (
	id INTEGER NOT NULL, 
	kind VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	artifact_sha256 VARCHAR NOT NULL, 
	evaluation_id INTEGER, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	lifts JSON NOT NULL, 
	expires_at DATETIME, 
	recorded_at DATETIME NOT NULL, 
	run_id VARCHAR, 
	signature VARCHAR, 
	PRIMARY KEY (id), 
	CONSTRAINT known_kind CHECK (kind IN ('approval', 'rejection', 'exception')), 
	FOREIGN KEY(version, artifact_sha256) REFERENCES model_versions (version, artifact_sha256), 
	FOREIGN KEY(version, artifact_sha256, evaluation_id) REFERENCES evaluations (version, artifact_sha256, id)
);
CREATE TABLE drift_decisions (
	id INTEGER NOT NULL, 
	day VARCHAR NOT NULL, 
	champion VARCHAR, 
	state VARCHAR NOT NULL, 
	family VARCHAR, 
	action VARCHAR NOT NULL, 
	table_row INTEGER NOT NULL, 
	cause VARCHAR, 
	leave_out JSON NOT NULL, 
	facts JSON NOT NULL, 
	threshold JSON, 
	effective_at DATETIME NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	run_id VARCHAR, 
	PRIMARY KEY (id), 
	CONSTRAINT known_state CHECK (state IN ('unknown', 'stable', 'watch', 'confirmed', 'responding', 'cooldown'))
);
INSERT INTO "drift_decisions" VALUES(1,'2026-01-20','v1','watch','data','none',5,'data-sudden-2026-01-20-v1','[]','{"fast": true, "peak": 6.5}',NULL,'2018-01-01 00:00:00.000000','automation','it drifts','2018-01-01 00:00:00.000000',NULL);
CREATE TABLE evaluations (
	id INTEGER NOT NULL, 
	version VARCHAR NOT NULL, 
	artifact_sha256 VARCHAR NOT NULL, 
	holdout_sha256 VARCHAR NOT NULL, 
	passed BOOLEAN NOT NULL, 
	gates JSON NOT NULL, 
	metrics JSON NOT NULL, 
	thresholds JSON NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	actor VARCHAR NOT NULL, 
	run_id VARCHAR, 
	holdout_day VARCHAR, 
	code_sha256 VARCHAR, 
	departures JSON, 
	PRIMARY KEY (id), 
	UNIQUE (version, artifact_sha256, id), 
	FOREIGN KEY(version, artifact_sha256) REFERENCES model_versions (version, artifact_sha256)
);
INSERT INTO "evaluations" VALUES(1,'v1','3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe','d179b28cc8927b726d766bc0a22ed40ffc879d40f62a100e7d97dabb24253669',1,'[{"name": "anomaly_rate", "passed": true, "value": 0.05, "threshold": "2 % to 20 %", "detail": "of 100 rows"}]','{"silhouette": 0.4, "recall": null}','{"min_score_gap": 0.05}','2018-01-01 00:00:00.000000','ann','run-2',NULL,NULL,NULL);
INSERT INTO "evaluations" VALUES(2,'v2','fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990','d179b28cc8927b726d766bc0a22ed40ffc879d40f62a100e7d97dabb24253669',1,'[{"name": "anomaly_rate", "passed": true, "value": 0.05, "threshold": "2 % to 20 %", "detail": "of 100 rows"}]','{"silhouette": 0.4, "recall": null}','{"min_score_gap": 0.05}','2018-01-01 00:00:00.000000','ann','run-2',NULL,NULL,NULL);
CREATE TABLE model_versions (
	number INTEGER NOT NULL, 
	version VARCHAR NOT NULL, 
	created_at DATETIME NOT NULL, 
	created_by VARCHAR NOT NULL, 
	run_id VARCHAR, 
	detector VARCHAR NOT NULL, 
	dataset_day VARCHAR NOT NULL, 
	dataset_sha256 VARCHAR NOT NULL, 
	artifact_sha256 VARCHAR NOT NULL, 
	manifest JSON NOT NULL, 
	PRIMARY KEY (number), 
	CONSTRAINT version_is_its_number CHECK (version = 'v' || number), 
	UNIQUE (version, artifact_sha256)
);
INSERT INTO "model_versions" VALUES(1,'v1','2018-01-01 00:00:00.000000','ann','run-1','isolation_forest','2017-12-19','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe','{"features": ["b", "a"], "seed": 42, "clip": null}');
INSERT INTO "model_versions" VALUES(2,'v2','2018-01-01 00:00:00.000000','ann','run-1','isolation_forest','2017-12-19','b277fd623676a525c29b9eb155afc8c9010681814ceafb2d7627f47b9a232576','fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990','{"features": ["b", "a"], "seed": 42, "clip": null}');
CREATE TABLE policies (
	id INTEGER NOT NULL, 
	content_sha256 VARCHAR NOT NULL, 
	content JSON NOT NULL, 
	previous_sha256 VARCHAR, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	approved_by JSON NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	run_id VARCHAR, 
	signature VARCHAR, 
	PRIMARY KEY (id)
);
INSERT INTO "policies" VALUES(1,'afc3a11bca6c3ab81e57d6955881571d748f4ec28ce2c9e72f3a5698f7975774','{"promotion": {"min_reason_length": 5}}',NULL,'registry','the first policy: what the configuration files said when the registry was made or upgraded','[]','2018-01-01 00:00:00.000000',NULL,NULL);
CREATE TABLE policy_approvals (
	id INTEGER NOT NULL, 
	content_sha256 VARCHAR NOT NULL, 
	previous_sha256 VARCHAR NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	run_id VARCHAR, 
	signature VARCHAR, 
	PRIMARY KEY (id)
);
CREATE TABLE refusals (
	id INTEGER NOT NULL, 
	alias VARCHAR NOT NULL, 
	version VARCHAR NOT NULL, 
	artifact_sha256 VARCHAR NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	outcome VARCHAR NOT NULL, 
	because VARCHAR NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	run_id VARCHAR, 
	PRIMARY KEY (id), 
	CONSTRAINT known_outcome CHECK (outcome IN ('hold', 'refuse')), 
	FOREIGN KEY(version, artifact_sha256) REFERENCES model_versions (version, artifact_sha256)
);
CREATE TABLE restores (
	id INTEGER NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	facts JSON NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	run_id VARCHAR, 
	PRIMARY KEY (id)
);
CREATE TABLE schema_version (
	version INTEGER NOT NULL, 
	PRIMARY KEY (version)
);
INSERT INTO "schema_version" VALUES(5);
INSERT INTO "schema_version" VALUES(6);
CREATE TABLE traffic_events (
	id INTEGER NOT NULL, 
	alias VARCHAR NOT NULL, 
	sequence INTEGER NOT NULL, 
	rollout INTEGER NOT NULL, 
	state VARCHAR NOT NULL, 
	champion VARCHAR NOT NULL, 
	champion_sha256 VARCHAR NOT NULL, 
	candidate VARCHAR NOT NULL, 
	candidate_sha256 VARCHAR NOT NULL, 
	weight INTEGER NOT NULL, 
	shadow BOOLEAN NOT NULL, 
	salt VARCHAR NOT NULL, 
	ruling VARCHAR NOT NULL, 
	facts JSON NOT NULL, 
	alias_sequence INTEGER, 
	effective_at DATETIME NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	run_id VARCHAR, 
	PRIMARY KEY (id), 
	CONSTRAINT known_weight CHECK (weight BETWEEN 0 AND 10000), 
	CONSTRAINT known_rollout_state CHECK (state IN ('staging', 'shadow', 'canary_5', 'canary_25', 'canary_50', 'full', 'closed', 'rolled_back', 'ab', 'finished')), 
	UNIQUE (alias, sequence), 
	FOREIGN KEY(champion, champion_sha256) REFERENCES model_versions (version, artifact_sha256), 
	FOREIGN KEY(candidate, candidate_sha256) REFERENCES model_versions (version, artifact_sha256), 
	FOREIGN KEY(alias, alias_sequence) REFERENCES alias_events (alias, sequence)
);
INSERT INTO "traffic_events" VALUES(1,'champion',1,1,'staging','v2','fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990','v1','3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe',0,0,'s1','open','{"asked": true}',NULL,'2018-01-01 00:00:00.000000','bob','a better one','2018-01-01 00:00:00.000000',NULL);
INSERT INTO "traffic_events" VALUES(2,'champion',2,1,'shadow','v2','fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990','v1','3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe',0,1,'s1','advance','{}',NULL,'2018-01-01 00:00:00.000000','automation','as planned','2018-01-01 00:00:00.000000',NULL);
INSERT INTO "traffic_events" VALUES(3,'champion',3,1,'rolled_back','v2','fb04dcb6970e4c3d1873de51fd5a50d7bb46b3383113602665c350ec40b5f990','v1','3bfc269594ef649228e9a74bab00f042efc91d5acc6fbee31a382e80d42388fe',0,0,'s1','roll_back','{}',NULL,'2018-01-01 00:00:00.000000','automation','as planned','2018-01-01 00:00:00.000000',NULL);
CREATE TABLE withdrawals (
	id INTEGER NOT NULL, 
	decision_id INTEGER NOT NULL, 
	actor VARCHAR NOT NULL, 
	reason VARCHAR NOT NULL, 
	recorded_at DATETIME NOT NULL, 
	run_id VARCHAR, 
	signature VARCHAR, 
	PRIMARY KEY (id), 
	FOREIGN KEY(decision_id) REFERENCES decisions (id)
);
CREATE TRIGGER schema_version_no_update BEFORE UPDATE ON schema_version BEGIN SELECT RAISE(ABORT, 'schema_version is append-only'); END;
CREATE TRIGGER schema_version_no_delete BEFORE DELETE ON schema_version BEGIN SELECT RAISE(ABORT, 'schema_version is append-only'); END;
CREATE TRIGGER schema_version_no_replace BEFORE INSERT ON schema_version WHEN EXISTS (SELECT 1 FROM schema_version WHERE (version = NEW.version)) BEGIN SELECT RAISE(ABORT, 'schema_version is append-only'); END;
CREATE TRIGGER model_versions_no_update BEFORE UPDATE ON model_versions BEGIN SELECT RAISE(ABORT, 'model_versions is append-only'); END;
CREATE TRIGGER model_versions_no_delete BEFORE DELETE ON model_versions BEGIN SELECT RAISE(ABORT, 'model_versions is append-only'); END;
CREATE TRIGGER model_versions_no_replace BEFORE INSERT ON model_versions WHEN EXISTS (SELECT 1 FROM model_versions WHERE (number = NEW.number) OR (version = NEW.version AND artifact_sha256 = NEW.artifact_sha256)) BEGIN SELECT RAISE(ABORT, 'model_versions is append-only'); END;
CREATE TRIGGER policies_no_update BEFORE UPDATE ON policies BEGIN SELECT RAISE(ABORT, 'policies is append-only'); END;
CREATE TRIGGER policies_no_delete BEFORE DELETE ON policies BEGIN SELECT RAISE(ABORT, 'policies is append-only'); END;
CREATE TRIGGER policies_no_replace BEFORE INSERT ON policies WHEN EXISTS (SELECT 1 FROM policies WHERE (id = NEW.id)) BEGIN SELECT RAISE(ABORT, 'policies is append-only'); END;
CREATE TRIGGER policy_approvals_no_update BEFORE UPDATE ON policy_approvals BEGIN SELECT RAISE(ABORT, 'policy_approvals is append-only'); END;
CREATE TRIGGER policy_approvals_no_delete BEFORE DELETE ON policy_approvals BEGIN SELECT RAISE(ABORT, 'policy_approvals is append-only'); END;
CREATE TRIGGER policy_approvals_no_replace BEFORE INSERT ON policy_approvals WHEN EXISTS (SELECT 1 FROM policy_approvals WHERE (id = NEW.id)) BEGIN SELECT RAISE(ABORT, 'policy_approvals is append-only'); END;
CREATE TRIGGER restores_no_update BEFORE UPDATE ON restores BEGIN SELECT RAISE(ABORT, 'restores is append-only'); END;
CREATE TRIGGER restores_no_delete BEFORE DELETE ON restores BEGIN SELECT RAISE(ABORT, 'restores is append-only'); END;
CREATE TRIGGER restores_no_replace BEFORE INSERT ON restores WHEN EXISTS (SELECT 1 FROM restores WHERE (id = NEW.id)) BEGIN SELECT RAISE(ABORT, 'restores is append-only'); END;
CREATE TRIGGER drift_decisions_no_update BEFORE UPDATE ON drift_decisions BEGIN SELECT RAISE(ABORT, 'drift_decisions is append-only'); END;
CREATE TRIGGER drift_decisions_no_delete BEFORE DELETE ON drift_decisions BEGIN SELECT RAISE(ABORT, 'drift_decisions is append-only'); END;
CREATE TRIGGER drift_decisions_no_replace BEFORE INSERT ON drift_decisions WHEN EXISTS (SELECT 1 FROM drift_decisions WHERE (id = NEW.id)) BEGIN SELECT RAISE(ABORT, 'drift_decisions is append-only'); END;
CREATE TRIGGER alert_events_no_update BEFORE UPDATE ON alert_events BEGIN SELECT RAISE(ABORT, 'alert_events is append-only'); END;
CREATE TRIGGER alert_events_no_delete BEFORE DELETE ON alert_events BEGIN SELECT RAISE(ABORT, 'alert_events is append-only'); END;
CREATE TRIGGER alert_events_no_replace BEFORE INSERT ON alert_events WHEN EXISTS (SELECT 1 FROM alert_events WHERE (id = NEW.id) OR (fingerprint = NEW.fingerprint AND sequence = NEW.sequence)) BEGIN SELECT RAISE(ABORT, 'alert_events is append-only'); END;
CREATE TRIGGER audit_log_no_update BEFORE UPDATE ON audit_log BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;
CREATE TRIGGER audit_log_no_delete BEFORE DELETE ON audit_log BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;
CREATE TRIGGER audit_log_no_replace BEFORE INSERT ON audit_log WHEN EXISTS (SELECT 1 FROM audit_log WHERE (sequence = NEW.sequence) OR (kind = NEW.kind AND row = NEW.row)) BEGIN SELECT RAISE(ABORT, 'audit_log is append-only'); END;
CREATE TRIGGER evaluations_no_update BEFORE UPDATE ON evaluations BEGIN SELECT RAISE(ABORT, 'evaluations is append-only'); END;
CREATE TRIGGER evaluations_no_delete BEFORE DELETE ON evaluations BEGIN SELECT RAISE(ABORT, 'evaluations is append-only'); END;
CREATE TRIGGER evaluations_no_replace BEFORE INSERT ON evaluations WHEN EXISTS (SELECT 1 FROM evaluations WHERE (id = NEW.id) OR (version = NEW.version AND artifact_sha256 = NEW.artifact_sha256 AND id = NEW.id)) BEGIN SELECT RAISE(ABORT, 'evaluations is append-only'); END;
CREATE TRIGGER refusals_no_update BEFORE UPDATE ON refusals BEGIN SELECT RAISE(ABORT, 'refusals is append-only'); END;
CREATE TRIGGER refusals_no_delete BEFORE DELETE ON refusals BEGIN SELECT RAISE(ABORT, 'refusals is append-only'); END;
CREATE TRIGGER refusals_no_replace BEFORE INSERT ON refusals WHEN EXISTS (SELECT 1 FROM refusals WHERE (id = NEW.id)) BEGIN SELECT RAISE(ABORT, 'refusals is append-only'); END;
CREATE TRIGGER alert_messages_no_update BEFORE UPDATE ON alert_messages BEGIN SELECT RAISE(ABORT, 'alert_messages is append-only'); END;
CREATE TRIGGER alert_messages_no_delete BEFORE DELETE ON alert_messages BEGIN SELECT RAISE(ABORT, 'alert_messages is append-only'); END;
CREATE TRIGGER alert_messages_no_replace BEFORE INSERT ON alert_messages WHEN EXISTS (SELECT 1 FROM alert_messages WHERE (id = NEW.id) OR (event_id = NEW.event_id AND channel = NEW.channel)) BEGIN SELECT RAISE(ABORT, 'alert_messages is append-only'); END;
CREATE TRIGGER alias_events_no_update BEFORE UPDATE ON alias_events BEGIN SELECT RAISE(ABORT, 'alias_events is append-only'); END;
CREATE TRIGGER alias_events_no_delete BEFORE DELETE ON alias_events BEGIN SELECT RAISE(ABORT, 'alias_events is append-only'); END;
CREATE TRIGGER alias_events_no_replace BEFORE INSERT ON alias_events WHEN EXISTS (SELECT 1 FROM alias_events WHERE (id = NEW.id) OR (alias = NEW.alias AND sequence = NEW.sequence)) BEGIN SELECT RAISE(ABORT, 'alias_events is append-only'); END;
CREATE TRIGGER decisions_no_update BEFORE UPDATE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions is append-only'); END;
CREATE TRIGGER decisions_no_delete BEFORE DELETE ON decisions BEGIN SELECT RAISE(ABORT, 'decisions is append-only'); END;
CREATE TRIGGER decisions_no_replace BEFORE INSERT ON decisions WHEN EXISTS (SELECT 1 FROM decisions WHERE (id = NEW.id)) BEGIN SELECT RAISE(ABORT, 'decisions is append-only'); END;
CREATE TRIGGER alert_attempts_no_update BEFORE UPDATE ON alert_attempts BEGIN SELECT RAISE(ABORT, 'alert_attempts is append-only'); END;
CREATE TRIGGER alert_attempts_no_delete BEFORE DELETE ON alert_attempts BEGIN SELECT RAISE(ABORT, 'alert_attempts is append-only'); END;
CREATE TRIGGER alert_attempts_no_replace BEFORE INSERT ON alert_attempts WHEN EXISTS (SELECT 1 FROM alert_attempts WHERE (id = NEW.id) OR (message_id = NEW.message_id AND number = NEW.number)) BEGIN SELECT RAISE(ABORT, 'alert_attempts is append-only'); END;
CREATE TRIGGER withdrawals_no_update BEFORE UPDATE ON withdrawals BEGIN SELECT RAISE(ABORT, 'withdrawals is append-only'); END;
CREATE TRIGGER withdrawals_no_delete BEFORE DELETE ON withdrawals BEGIN SELECT RAISE(ABORT, 'withdrawals is append-only'); END;
CREATE TRIGGER withdrawals_no_replace BEFORE INSERT ON withdrawals WHEN EXISTS (SELECT 1 FROM withdrawals WHERE (id = NEW.id)) BEGIN SELECT RAISE(ABORT, 'withdrawals is append-only'); END;
CREATE TRIGGER corrections_no_update BEFORE UPDATE ON corrections BEGIN SELECT RAISE(ABORT, 'corrections is append-only'); END;
CREATE TRIGGER corrections_no_delete BEFORE DELETE ON corrections BEGIN SELECT RAISE(ABORT, 'corrections is append-only'); END;
CREATE TRIGGER corrections_no_replace BEFORE INSERT ON corrections WHEN EXISTS (SELECT 1 FROM corrections WHERE (id = NEW.id) OR (alias = NEW.alias AND sequence = NEW.sequence)) BEGIN SELECT RAISE(ABORT, 'corrections is append-only'); END;
CREATE TRIGGER traffic_events_no_update BEFORE UPDATE ON traffic_events BEGIN SELECT RAISE(ABORT, 'traffic_events is append-only'); END;
CREATE TRIGGER traffic_events_no_delete BEFORE DELETE ON traffic_events BEGIN SELECT RAISE(ABORT, 'traffic_events is append-only'); END;
CREATE TRIGGER traffic_events_no_replace BEFORE INSERT ON traffic_events WHEN EXISTS (SELECT 1 FROM traffic_events WHERE (id = NEW.id) OR (alias = NEW.alias AND sequence = NEW.sequence)) BEGIN SELECT RAISE(ABORT, 'traffic_events is append-only'); END;
COMMIT;
