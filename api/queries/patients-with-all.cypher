// title: Patients who have all of these
// description: Finds patients with every one of a list of genes, alterations, findings, diagnoses or treatments; a broad concept
// description: is met by anything below it. Counts by dataset, or names the patients.
// param concepts list of concept: what a patient must have
// param list boolean = false: name the patients as well as count them
MATCH (p:Patient)-[:HAS_MUTATION|HAS_FINDING|HAS_DIAGNOSIS|RECEIVED|HAD_RESPONSE|CLASSIFIED_AS]->(r)
MATCH (r)-[:IS|`WITH`]->(:Concept)-[:IS_A*0..20]->(c:Concept)
WHERE c.id IN $concepts
WITH p, count(DISTINCT c.id) AS held
WHERE held = size($concepts)
MATCH (p)-[:FROM]->(d:Dataset)
WITH d, collect(DISTINCT p.id) AS who
RETURN d.id AS dataset, size(who) AS patients, CASE WHEN $list THEN who ELSE [] END AS who
ORDER BY dataset
