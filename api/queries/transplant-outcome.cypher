// title: Survival after the first transplant
// description: Follows transplanted patients from the day of their first transplant, by donor. Patients whose transplant has no
// description: day are left out, and so are those last seen before it.
// param transplant concept = haemony:hsct: the kind of transplant, with all kinds below it
// param outcome concept = haemony:overall-survival: the outcome that is timed
// then: kaplan-meier(time=days, event=event, entry=entry, group=donor)
MATCH (p:Patient)-[:RECEIVED]->(t:Treatment)-[:`WITH`]->(:Concept)-[:IS_A*0..20]->(:Concept {id: $transplant})
WHERE t.start_day IS NOT NULL
WITH p, min(t.start_day) AS start
MATCH (p)-[:RECEIVED]->(t:Treatment)-[:`WITH`]->(:Concept)-[:IS_A*0..20]->(:Concept {id: $transplant})
WHERE t.start_day = start
WITH p, start, min(coalesce(t.donor, 'donor not stated')) AS donor
MATCH (p)-[:HAD_OUTCOME]->(o:Outcome)-[:IS]->(:Concept {id: $outcome})
WHERE o.event IS NOT NULL AND coalesce(o.day, 0) + o.days >= start
RETURN p.id AS patient, coalesce(o.day, 0) + o.days - start AS days, o.event AS event,
       coalesce(o.day, 0) + o.entry_days - start AS entry, donor
