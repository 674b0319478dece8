// title: Survival by diagnosis
// description: Compares patients by their diagnoses when the clock starts: a later one, such as a progression, puts nobody in a group.
// param dataset string = '': only patients of this dataset; empty takes all
// param outcome concept = haemony:overall-survival: the outcome that is timed
// then: kaplan-meier(time=days, event=event, entry=entry, group=diagnosis)
MATCH (p:Patient)-[:HAD_OUTCOME]->(o:Outcome)-[:IS]->(:Concept {id: $outcome})
WHERE o.event IS NOT NULL
MATCH (p)-[:FROM]->(s:Dataset)
WHERE $dataset = '' OR s.id = $dataset
MATCH (p)-[:HAS_DIAGNOSIS]->(d:Diagnosis)-[:IS]->(c:Concept)
WHERE coalesce(d.day, 0) <= coalesce(o.day, 0)
RETURN DISTINCT p.id AS patient, o.days AS days, o.event AS event, o.entry_days AS entry, c.name AS diagnosis
