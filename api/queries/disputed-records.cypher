// title: Records that sources dispute
// description: How many records of each class carry sources that disagree, and on which field.
// param list boolean = false: name the records as well as count them
MATCH (p:Patient)-[]->(r)
WHERE size(r.disputed) > 0
UNWIND r.disputed AS field
WITH labels(r) AS class, field, collect(DISTINCT r.id) AS records
RETURN class, field, size(records) AS disputed, CASE WHEN $list THEN records ELSE [] END AS records
ORDER BY disputed DESC, class, field
