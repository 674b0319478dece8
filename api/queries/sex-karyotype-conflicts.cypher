// title: Sex and karyotype that disagree
// description: Counts patients whose recorded sex does not fit the sex chromosomes of their karyotype. A donor's cells after a
// description: transplant, a mixed-up sample and a typing error all look like this.
// param list boolean = false: name the patients as well as count them
MATCH (p:Patient)-[:HAS_CYTOGENETICS]->(k:Karyotype)
WITH p, k.sex_chromosomes AS seen  // 8532 is OMOP's female, 8507 its male
WHERE (p.sex_id = 8532 AND seen CONTAINS 'Y') OR (p.sex_id = 8507 AND seen CONTAINS 'XX' AND NOT seen CONTAINS 'Y')
WITH CASE WHEN p.sex_id = 8532 THEN 'recorded female, karyotype with Y'
          ELSE 'recorded male, karyotype XX without Y' END AS conflict, p
WITH conflict, collect(DISTINCT p.id) AS who
RETURN conflict, size(who) AS patients, CASE WHEN $list THEN who ELSE [] END AS who
ORDER BY conflict
