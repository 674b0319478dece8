// title: Measurements
// description: Values, patients, median and range of each measurement, by dataset.
// param measurement list of concept = []: only these and what is below them; empty takes all
MATCH (p:Patient)-[:HAS_MEASUREMENT]->(m:Measurement)-[:OF]->(c:Concept)-[:IS_A*0..20]->(a:Concept)
WHERE m.value IS NOT NULL AND (size($measurement) = 0 AND a.id = c.id OR a.id IN $measurement)
WITH DISTINCT p, m, c
MATCH (p)-[:FROM]->(d:Dataset)
RETURN c.name AS measurement, m.unit AS unit, d.id AS dataset, count(m) AS n, count(DISTINCT p) AS patients,
       percentileCont(m.value, 0.5) AS median, min(m.value) AS lowest, max(m.value) AS highest
ORDER BY measurement, unit, dataset
