// title: Karyotype by risk group
// description: In each risk group, patients with each chromosome abnormality as it was found.
// param system string = '': name of the system, e.g. ELN 2017; empty takes every group there is
// param abnormality concept = haemony:chromosome-abnormality: only what is below this
MATCH (p:Patient)-[:CLASSIFIED_AS]->(g:RiskGroup)-[:IS]->(risk:Concept)
WHERE $system = '' OR g.system = $system OR risk.name STARTS WITH $system
MATCH (p)-[:HAS_FINDING]->(:Finding)-[:IS]->(c:Concept)-[:IS_A*0..20]->(:Concept {id: $abnormality})
RETURN risk.name AS risk, c.name AS finding, count(DISTINCT p) AS patients
ORDER BY risk, patients DESC, finding
