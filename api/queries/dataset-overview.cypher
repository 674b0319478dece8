// title: What each dataset holds
// description: Patients and records of each class, by dataset.
MATCH (p:Patient)-[:FROM]->(d:Dataset)
WITH d, count(p) AS patients
MATCH (q:Patient)-[:FROM]->(d)
MATCH (q)-[]->(r)
WHERE r.sources IS NOT NULL
RETURN d.id AS dataset, patients, labels(r) AS class, count(DISTINCT r.id) AS records, count(DISTINCT q) AS `patients with any`
ORDER BY dataset, class
