// title: How often each gene is mutated
// description: Carriers of any alteration of each gene, patients whose panel covered the gene, and the share of these who carry one.
// param dataset string = '': one dataset; empty takes all
// param limit integer = 50: how many genes
MATCH (g:Gene)
MATCH (p:Patient)-[:FROM]->(d:Dataset)
WHERE $dataset = '' OR d.id = $dataset
WITH g, p,
     EXISTS { MATCH (p)-[:HAS_MUTATION]->(:Mutation)-[:`IN`]->(g) } AS present,
     EXISTS { MATCH (p)-[:TESTED_BY]->(:Panel)-[:COVERS]->(g) } AS covered
WHERE present OR covered
WITH g, sum(CASE WHEN present THEN 1 ELSE 0 END) AS carriers, sum(CASE WHEN covered THEN 1 ELSE 0 END) AS tested,
     sum(CASE WHEN present AND covered THEN 1 ELSE 0 END) AS both
RETURN g.symbol AS gene, carriers, tested, CASE WHEN tested > 0 THEN round(100.0 * both / tested, 1) END AS percent
ORDER BY carriers DESC, gene
LIMIT $limit
