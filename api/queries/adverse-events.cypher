// title: Adverse events
// description: Patients with each adverse event, of any grade and of grade 3 or more, by dataset. Events of which no grade was
// description: delivered count as of any grade.
// param under list of concept = []: only under treatments with one of these drugs; empty takes all
MATCH (p:Patient)-[:HAD_ADVERSE_EVENT]->(e:AdverseEvent)-[:IS]->(c:Concept)
WHERE size($under) = 0
      OR EXISTS { MATCH (e)-[:UNDER]->(:Treatment)-[:`WITH`]->(:Concept)-[:IS_A*0..20]->(w:Concept) WHERE w.id IN $under }
MATCH (p)-[:FROM]->(d:Dataset)
RETURN d.id AS dataset, c.name AS event, count(DISTINCT p) AS patients,
       count(DISTINCT CASE WHEN e.grade >= 3 THEN p.id END) AS `grade 3 or more`
ORDER BY dataset, patients DESC, event
