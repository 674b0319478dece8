// title: Positive, negative and not tested
// description: Counts patients who have an alteration, who were tested and lack it, and who were never tested.
// param alteration concept: a gene, alteration or finding
MATCH (p:Patient)-[:FROM]->(d:Dataset)
WITH d, p,
     EXISTS { MATCH (p)-[:HAS_MUTATION|HAS_FINDING]->(m)-[:IS]->(:Concept)-[:IS_A*0..20]->(:Concept {id: $alteration}) } AS present,
     EXISTS { MATCH (p)-[:TESTED_BY]->(:Panel)-[:ANSWERS]->(:Concept {id: $alteration}) } AS tested
RETURN d.id AS dataset,
       sum(CASE WHEN present THEN 1 ELSE 0 END) AS positive,
       sum(CASE WHEN tested AND NOT present THEN 1 ELSE 0 END) AS negative,
       sum(CASE WHEN present OR tested THEN 0 ELSE 1 END) AS `not tested`
ORDER BY dataset
