// title: Lines of therapy
// description: Patients who began each line, how long they were on it, who answered it, and how many went on to another, by
// description: dataset. Medians are of the patients in whom the day is known.
// param response concept = haemony:remission: what counts as an answer, with all kinds below it
MATCH (p:Patient)-[:RECEIVED]->(t:Treatment)
WHERE t.line IS NOT NULL
WITH p, t.line AS line, min(t.start_day) AS begin, max(t.end_day) AS finish,
     max(CASE WHEN EXISTS { MATCH (t)-[:FOLLOWED_BY]->(:Response)-[:IS]->(:Concept)-[:IS_A*0..20]->(:Concept {id: $response}) }
              THEN 1 ELSE 0 END) AS answered
MATCH (p)-[:FROM]->(d:Dataset)
WITH d, line, begin, finish - begin AS days, answered,
     CASE WHEN EXISTS { MATCH (p)-[:RECEIVED]->(later:Treatment) WHERE later.line > line } THEN 1 ELSE 0 END AS further
RETURN d.id AS dataset, line, count(*) AS patients, percentileCont(begin, 0.5) AS `median day of start`,
       percentileCont(days, 0.5) AS `median days on it`, sum(answered) AS answered,
       round(100.0 * sum(answered) / count(*), 1) AS `percent answered`, sum(further) AS `went on to another`
ORDER BY dataset, line
