// title: Cytogenetic findings
// description: Patients with each chromosome abnormality, by dataset. An abnormality counts for the broader ones above it too.
// param abnormality concept = haemony:chromosome-abnormality: where to begin
MATCH (p:Patient)-[:HAS_FINDING]->(:Finding)-[:IS]->(:Concept)-[:IS_A*0..20]->(c:Concept)
MATCH (c)-[:IS_A*0..20]->(:Concept {id: $abnormality})
MATCH (p)-[:FROM]->(d:Dataset)
RETURN c.name AS finding, d.id AS dataset, count(DISTINCT p) AS patients
ORDER BY patients DESC, finding, dataset
