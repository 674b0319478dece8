// title: Survival by risk group
// description: Compares the groups of one risk system, as delivered or computed.
// param system string = '': name of the system, e.g. ELN 2017; empty takes every group there is
// param outcome concept = haemony:overall-survival: the outcome that is timed
// then: kaplan-meier(time=days, event=event, entry=entry, group=risk)
MATCH (p:Patient)-[:HAD_OUTCOME]->(o:Outcome)-[:IS]->(:Concept {id: $outcome})
WHERE o.event IS NOT NULL
MATCH (p)-[:CLASSIFIED_AS]->(g:RiskGroup)-[:IS]->(c:Concept)
WHERE $system = '' OR g.system = $system OR c.name STARTS WITH $system
RETURN DISTINCT p.id AS patient, o.days AS days, o.event AS event, o.entry_days AS entry, c.name AS risk
