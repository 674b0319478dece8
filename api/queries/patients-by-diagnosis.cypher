// title: Patients by diagnosis
// description: Counts patients for each diagnosis below a disease. Who has a subtype is counted for every disease above it too.
// param disease concept = haemony:disease: where to begin
MATCH (p:Patient)-[:HAS_DIAGNOSIS]->(:Diagnosis)-[:IS]->(:Concept)-[:IS_A*0..20]->(c:Concept)
MATCH (c)-[:IS_A*0..20]->(:Concept {id: $disease})
MATCH (p)-[:FROM]->(d:Dataset)
RETURN c.name AS diagnosis, d.id AS dataset, count(DISTINCT p) AS patients
ORDER BY patients DESC, diagnosis, dataset
