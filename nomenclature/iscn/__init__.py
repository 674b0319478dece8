"""ISCN karyotypes, read into clones, abnormalities, and the findings, counts and groups that they support.

Follows ISCN 2020 (Karger, ISBN 978-3-318-06867-2) and tolerates what laboratories write beside it. Never raises on a
text; what was not understood is named with its place.

House choices:

- A constitutional change (suffix ``c``) and the known heteromorphisms (inv(9)(p12q13), 9qh+) are read, but support no
  finding and are not counted.
- ``add`` loses what lies beyond its band, as ISCN 9.2.1 says, but nothing sure where that is the last band of the arm.
- A derivative alone has the name of a fusion only where it carries it: der(22)t(9;22), but not der(9)t(9;22).
- What is questionable (``?``) supports its findings and is marked; of alternatives (``or``) what they share counts.

Modules: ``tables`` (rules and lists with their sources), ``text`` (parts and their places), ``bands`` (lost, gained,
broken), ``findings`` (keys), ``abnormality``, ``clones``, ``counts`` (complex, monosomal, IPSS-R), ``reader``.
"""

from haemony.nomenclature.iscn.abnormality import Abnormality, read_abnormality
from haemony.nomenclature.iscn.clones import Clone
from haemony.nomenclature.iscn.reader import Karyotype, read_karyotype, write_karyotype
from haemony.nomenclature.iscn.tables import IPSSR_GROUPS
from haemony.nomenclature.iscn.text import Part

__all__ = [
    "IPSSR_GROUPS",
    "Abnormality",
    "Clone",
    "Karyotype",
    "Part",
    "read_abnormality",
    "read_karyotype",
    "write_karyotype",
]
