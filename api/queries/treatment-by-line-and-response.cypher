// title: Treatments by line, and what followed
// description: Patients by line of therapy, what they were given, and the response to it.
// param limit integer = 100: how many rows
MATCH (p:Patient)-[:RECEIVED]->(t:Treatment)
OPTIONAL MATCH (t)-[:FOLLOWED_BY]->(r:Response)
RETURN t.line AS line, coalesce(t.name, 'not named') AS treatment, coalesce(r.name, 'none recorded') AS response,
       count(DISTINCT p) AS patients
ORDER BY line, patients DESC, treatment, response
LIMIT $limit
