"""The oldest versions that are tested are the oldest that `setup.cfg` allows."""

import configparser
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: Extras that no test needs.
UNTESTED = {"all", "browser", "docs"}


def test_oldest_versions_are_those_of_setup_cfg():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = config["options.extras_require"]
    raw = [config["options"].get("install_requires", raw=True)]
    raw += [extras.get(name, raw=True) for name in extras if name not in UNTESTED]
    bounds = re.findall(r"^([\w-]+)>=([\d.]+)$", "\n".join(raw), re.MULTILINE)
    text = (ROOT / "constraints-oldest.txt").read_text(encoding="utf-8")
    oldest = re.findall(r"^([\w-]+)==([\d.]+)$", text, re.MULTILINE)
    assert len(bounds) > 30

    def release(version):
        return tuple([*map(int, version.split(".")), 0, 0][:3])

    lowest = {name: release(version) for name, version in bounds}
    assert {name: release(version) for name, version in oldest} == lowest
