// title: Survival by genotype
// description: Groups patients by which of the alterations they have and lack. A patient is in a group only when
// description: every alteration was found or tested: not tested is not negative.
// param alterations list of concept: genes, alterations or findings, e.g. NPM1, FLT3-ITD
// param within list of concept = []: only patients who have all of these
// param outcome concept = haemony:overall-survival: the outcome that is timed
// then: kaplan-meier(time=days, event=event, entry=entry, group=found, of=alterations)
MATCH (p:Patient)-[:HAD_OUTCOME]->(o:Outcome)-[:IS]->(:Concept {id: $outcome})
WHERE o.event IS NOT NULL
OPTIONAL MATCH (p)-[:HAS_MUTATION|HAS_FINDING]->(x)-[:IS]->(:Concept)-[:IS_A*0..20]->(w:Concept)
WHERE w.id IN $within
WITH p, o, count(DISTINCT w.id) AS held
WHERE held = size($within)
MATCH (c:Concept)
WHERE c.id IN $alterations
WITH p, o, c,
     EXISTS { MATCH (p)-[:HAS_MUTATION|HAS_FINDING]->(m)-[:IS]->(:Concept)-[:IS_A*0..20]->(c) } AS present,
     EXISTS { MATCH (p)-[:TESTED_BY]->(:Panel)-[:ANSWERS]->(c) } AS tested
WHERE present OR tested
WITH p, o, count(c) AS known, collect(CASE WHEN present THEN c.id END) AS found
WHERE known = size($alterations)
RETURN p.id AS patient, o.days AS days, o.event AS event, o.entry_days AS entry, found
