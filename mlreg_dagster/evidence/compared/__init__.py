"""What differs between two versions: settings, data, features, software, gates. How they score is in `governance`."""
