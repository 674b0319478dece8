"""Choosing partners: what is built from a folder when nobody is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from haemony.api.settings import read_settings
from haemony.api.workbench import Workbench

DATA = Path(__file__).parents[2].parent / "shared" / "data"


@pytest.mark.skipif(not (DATA / "amlsg").is_dir(), reason="the data of AMLSG are not beside this checkout")
def test_one_delivery_makes_patients_once_unless_both_readings_are_named(tmp_path: Path) -> None:
    workbench = Workbench(read_settings(build=tmp_path / "build"))
    chosen, left_out = workbench.deliveries([], DATA)
    assert "amlsg" in chosen
    assert "amlsg_rdata" not in chosen
    assert "amlsg" in left_out["amlsg_rdata"]
    assert set(workbench.deliveries(["amlsg_rdata"], DATA)[0]) == {"amlsg_rdata"}
