// title: Variants that patients share
// description: The same sequence change in several patients, whoever delivered them.
// param gene list of concept = []: only in these genes; empty takes all
// param patients integer = 2: carried by at least so many
// param limit integer = 50: how many variants
MATCH (p:Patient)-[:HAS_MUTATION]->(m:Mutation)-[:OF]->(v:Variant)
MATCH (v)-[:`IN`]->(g:Gene)
MATCH (m)-[:IS]->(:Concept)-[:IS_A*0..20]->(c:Concept)
WHERE size($gene) = 0 OR c.id IN $gene
MATCH (p)-[:FROM]->(d:Dataset)
WITH g, v, count(DISTINCT p) AS carriers, count(DISTINCT d) AS datasets
WHERE carriers >= $patients
RETURN g.symbol AS gene, v.hgvs_c AS hgvs_c, v.hgvs_p AS hgvs_p, carriers, datasets
ORDER BY carriers DESC, gene, hgvs_c, hgvs_p
LIMIT $limit
