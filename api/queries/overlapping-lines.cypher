// title: Lines of therapy that overlap
// description: Counts the treatments that begin before a treatment of an earlier line has ended, by dataset. A line that was
// description: added to another, a date typed wrong and a wrong number of the line all look like this.
// param list boolean = false: name the treatments as well as count them
MATCH (p:Patient)-[:RECEIVED]->(former:Treatment)
MATCH (p)-[:RECEIVED]->(t:Treatment)
WHERE former.line < t.line AND t.start_day < former.end_day
MATCH (p)-[:FROM]->(d:Dataset)
WITH d, count(DISTINCT p) AS patients, collect(DISTINCT t.id) AS treatments
RETURN d.id AS dataset, patients, size(treatments) AS overlapping, CASE WHEN $list THEN treatments ELSE [] END AS treatments
ORDER BY dataset
