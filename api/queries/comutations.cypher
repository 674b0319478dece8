// title: What is mutated together
// description: Genes most often mutated in patients who have an alteration. `tested` counts those of them whose panel covered the
// description: gene, so that a share can be read rightly.
// param alteration concept: a gene, alteration or finding
// param limit integer = 20: how many genes
MATCH (p:Patient)-[:HAS_MUTATION|HAS_FINDING]->(x)-[:IS]->(:Concept)-[:IS_A*0..20]->(c:Concept {id: $alteration})
OPTIONAL MATCH (x)-[:`IN`]->(own:Gene)
WITH DISTINCT p, own.id AS own
WITH p, collect(own) AS own
MATCH (p)-[:HAS_MUTATION]->(m:Mutation)-[:`IN`]->(g:Gene)
WHERE NOT g.id IN own
WITH g, collect(DISTINCT p.id) AS carriers
RETURN g.symbol AS gene, size(carriers) AS patients,
       COUNT { MATCH (q:Patient)-[:TESTED_BY]->(:Panel)-[:COVERS]->(g) WHERE q.id IN carriers } AS tested
ORDER BY patients DESC, gene
LIMIT $limit
