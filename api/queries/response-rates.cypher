// title: Responses
// description: Patients who ever had each response, by dataset.
MATCH (p:Patient)-[:FROM]->(d:Dataset)
WITH d, count(p) AS patients
MATCH (q:Patient)-[:FROM]->(d)
MATCH (q)-[:HAD_RESPONSE]->(:Response)-[:IS]->(c:Concept)
WITH d, patients, c, count(DISTINCT q) AS responders
RETURN d.id AS dataset, c.name AS response, responders, patients, round(100.0 * responders / patients, 1) AS percent
ORDER BY dataset, responders DESC, response
