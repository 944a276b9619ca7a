"""What every notifier must do."""

from typing import Any, ClassVar

from mlreg_dagster.automation.notification import Notice, Notifier


class NotifierContract:
    """Subclass it, and say how the notifier is made and what has arrived.

    Attributes:
        notices: Of all kinds.
    """

    notices: ClassVar[tuple[Notice, ...]] = (
        Notice("hourly", "run-1", "2026-01-05-12:00", "the source did not answer"),
        Notice("train", "run-2", None, "a person cancelled it", event="cancelled"),
        Notice("hourly", "run-3", "2026-01-05-13:00", "2 prices jumped", check="market_snapshot: plausible_prices"),
        Notice("hourly", "run-4", None, 'odd "text" <b>\n{}%s — ñ 価格'),
    )

    def make_notifier(self) -> Notifier:
        """A notifier whose receiver is there."""
        raise NotImplementedError

    def delivered(self) -> list[Any]:
        """What has arrived at the receiver, in its order."""
        raise NotImplementedError

    def break_receiver(self) -> None:
        """Make the receiver take nothing any more. By default not tested."""
        raise NotImplementedError

    def test_each_notice_arrives_once(self) -> None:
        """Whatever it is about, and whatever its text holds."""
        notifier = self.make_notifier()
        for count, notice in enumerate(self.notices, start=1):
            notifier.notify(notice)
            arrived = self.delivered()
            assert len(arrived) == count, f"{len(arrived)} notices have arrived after {count} were sent."
            assert notice.run_id in str(arrived[-1]), "What has arrived does not name the run."

    def test_what_is_not_delivered_is_said(self) -> None:
        """A notice that the receiver does not take raises an error."""
        notifier = self.make_notifier()
        try:
            self.break_receiver()
        except NotImplementedError:
            return
        try:
            notifier.notify(self.notices[0])
        except Exception:  # noqa: BLE001 - whichever it is, it is said
            return
        raise AssertionError("The receiver took nothing, and the notifier did not raise: the notice is lost.")
