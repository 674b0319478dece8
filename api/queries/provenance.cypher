// title: Where a node comes from
// description: The source cells of a record, and the mapping rows that made it. `haemony why` tells more.
// param node string: id of a record
MATCH (n {id: $node})
WHERE n.sources IS NOT NULL
OPTIONAL MATCH (m:MappingRow)
WHERE m.id IN n.mappings
RETURN labels(n) AS class, n.sources AS sources, m.id AS mapping, m.subject AS subject, m.predicate AS predicate, m.object AS object,
       m.author AS author, m.reviewer AS reviewer, m.date AS date, m.justification AS justification
ORDER BY mapping
