// title: What is mutated together
// description: Genes most often mutated in patients who have an alteration. `tested` counts the patients with the alteration
// description: whose panel covered the gene, so that a share can be read rightly.
// param alteration concept: a gene, alteration or finding
// param limit integer = 20: how many genes
MATCH (p:Patient)-[:HAS_MUTATION|HAS_FINDING]->(x)-[:IS]->(:Concept)-[:IS_A*0..20]->(:Concept {id: $alteration})
OPTIONAL MATCH (x)-[:`IN`]->(own:Gene)
WITH p, collect(DISTINCT own.id) AS own
MATCH (p)-[:HAS_MUTATION]->(:Mutation)-[:`IN`]->(g:Gene)
WHERE NOT g.id IN own
WITH g, count(DISTINCT p.id) AS patients
ORDER BY patients DESC, g.symbol
LIMIT $limit
MATCH (q:Patient)-[:HAS_MUTATION|HAS_FINDING]->(y)-[:IS]->(:Concept)-[:IS_A*0..20]->(:Concept {id: $alteration})
OPTIONAL MATCH (q)-[:TESTED_BY]->(:Panel)-[:COVERS]->(covered:Gene {id: g.id})
RETURN g.symbol AS gene, patients,
       count(DISTINCT CASE WHEN covered IS NOT NULL THEN q.id END) AS tested
ORDER BY patients DESC, gene
