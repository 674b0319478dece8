-- Every shape of ontology/shapes/*.ttl, written by hand for DuckDB over the record tables: the set (record_id, shape,
-- component, value) of violations.parquet. Views named as the record classes are made before; a class without a file is
-- an empty table. $CONCEPTS is a folder, $OUT the file to write.
--
-- What is known of the tables is used: a column has one type and one value (only Treatment.concept is a list), so that
-- sh:datatype, sh:maxCount on a field and sh:nodeKind hold by themselves; only Measurement has :value, only Outcome
-- :event; who links to a record means one of this delivery. Columns are read for all rows, texts built for the few that fail.

CREATE MACRO number(x) AS CASE WHEN contains(x::VARCHAR, '.') THEN rtrim(rtrim(x::VARCHAR, '0'), '.') ELSE x::VARCHAR END;
CREATE MACRO iri(concept) AS 'https://w3id.org/haemony/concept/' || concept;
CREATE MACRO urn(record) AS 'urn:haemony:record:' || record;

CREATE TABLE kind AS
SELECT descendant_concept_id AS concept, ancestor_concept_id AS ancestor FROM read_csv('$CONCEPTS/CONCEPT_ANCESTOR.csv',
    columns = {ancestor_concept_id: 'BIGINT', descendant_concept_id: 'BIGINT', nearest: 'BIGINT', farthest: 'BIGINT'}, header = true);
CREATE TABLE known AS SELECT DISTINCT concept FROM kind;

CREATE TABLE found (record_id VARCHAR, shape VARCHAR, component VARCHAR, value VARCHAR);

-- --- ranges of single tests and scores: one row a limit ---------------------------------------------------------------

CREATE TABLE limited AS
SELECT concept, shape, lowest, highest, open FROM (VALUES
    ('basophils-impossible', [3006315, 3013429], 0, 1000, false), ('basophils-unlikely', [3006315, 3013429], 0, 100, false),
    ('eosinophils-impossible', [3013115, 3028615], 0, 1000, false), ('eosinophils-unlikely', [3013115, 3028615], 0, 150, false),
    ('urea-nitrogen-impossible', [3013682], 0.5, 500, false), ('urea-nitrogen-unlikely', [3013682], 2, 250, false),
    ('total-protein-impossible', [3020630], 10, 300, false), ('total-protein-unlikely', [3020630], 30, 180, false),
    ('ggt-impossible', [3026910], 0, 30000, false), ('ggt-unlikely', [3026910], 1, 5000, false),
    ('alkaline-phosphatase-impossible', [3035995], 0, 30000, false), ('alkaline-phosphatase-unlikely', [3035995], 5, 5000, false),
    ('prothrombin-time-impossible', [3034426], 1, 1000, false), ('prothrombin-time-unlikely', [3034426], 3, 170, false),
    ('body-surface-area-impossible', [3005424], 0.1, 5, false), ('body-surface-area-unlikely', [3005424], 1, 3, false),
    ('bmi-impossible', [3038553], 5, 250, false), ('bmi-unlikely', [3038553], 12, 80, false),
    ('haemoglobin-impossible', [3000963], 1, 26, false), ('haemoglobin-unlikely', [3000963], 4, 20, false),
    ('haematocrit-impossible', [3009542, 3023314], 3, 85, false), ('haematocrit-unlikely', [3009542, 3023314], 12, 65, false),
    ('mcv-impossible', [3024731, 3023599], 30, 220, false), ('mcv-unlikely', [3024731, 3023599], 50, 150, false),
    ('erythrocytes-impossible', [3026361, 3020416], 0.2, 15, false), ('erythrocytes-unlikely', [3026361, 3020416], 1, 9, false),
    ('leukocytes-impossible', [3010813, 3000905], 0, 2000, false), ('leukocytes-unlikely', [3010813, 3000905], 0.1, 600, false),
    ('neutrophils-impossible', [3013650, 3017732], 0, 1000, false), ('neutrophils-unlikely', [3013650, 3017732], 0, 200, false),
    ('lymphocytes-impossible', [3019198, 3004327], 0, 2000, false), ('lymphocytes-unlikely', [3019198, 3004327], 0, 600, false),
    ('monocytes-impossible', [3001604, 3033575], 0, 1000, false), ('monocytes-unlikely', [3001604, 3033575], 0, 150, false),
    ('platelets-impossible', [3007461, 3024929], 0, 10000, false), ('platelets-unlikely', [3007461, 3024929], 1, 3000, false),
    ('alt-ast-impossible', [3006923, 3013721], 0, 50000, false), ('alt-ast-unlikely', [3006923, 3013721], 1, 15000, false),
    ('m-protein-impossible', [2100002119], 0, 250, false), ('m-protein-unlikely', [2100002119], 0, 150, false),
    ('urate-impossible', [3037556], 0, 150, false), ('urate-unlikely', [3037556], 0.3, 60, false),
    ('ldh-impossible', [3016436, 3005783, 3022250], 1, 100000, false), ('ldh-unlikely', [3016436, 3005783, 3022250], 50, 15000, false),
    ('albumin-impossible', [3024561], 3, 100, false), ('albumin-unlikely', [3024561], 10, 65, false),
    ('calcium-impossible', [3006906], 1, 30, false), ('calcium-unlikely', [3006906], 4.5, 20, false),
    ('creatinine-impossible', [3016723], 0.05, 60, false), ('creatinine-unlikely', [3016723], 0.2, 25, false),
    ('bilirubin-impossible', [3024128], 0, 100, false), ('bilirubin-unlikely', [3024128], 0.05, 50, false),
    ('crp-impossible', [3020460], 0, 1500, false), ('crp-unlikely', [3020460], 0, 700, false),
    ('ferritin-impossible', [3001122], 0, 500000, false), ('ferritin-unlikely', [3001122], 1, 100000, false),
    ('beta2-microglobulin-impossible', [3013201], 0.1, 300, false), ('beta2-microglobulin-unlikely', [3013201], 0.5, 100, false),
    ('body-weight-impossible', [3025315], 0.3, 650, false), ('body-weight-unlikely', [3025315], 30, 250, false),
    ('body-height-impossible', [3036277], 20, 280, false), ('body-height-unlikely', [3036277], 120, 220, false),
    ('bone-marrow-blasts-impossible', [2100000120], 0, 100, false), ('peripheral-blood-blasts-impossible', [2100000121], 0, 100, false),
    ('percentage-impossible', [2100002118, 2100002130, 2100002131, 2100002132], 0, 100, false), ('ecog-dead', [2100000122], NULL, 4, false),
    ('risk-score-ipssm-very-low', [2100000100], NULL, -1.5, true), ('risk-score-ipssm-low', [2100000101], -1.5, -0.5, true),
    ('risk-score-ipssm-moderate-low', [2100000102], -0.5, 0, true), ('risk-score-ipssm-moderate-high', [2100000103], 0, 0.5, true),
    ('risk-score-ipssm-high', [2100000104], 0.5, 1.5, true), ('risk-score-ipssm-very-high', [2100000105], 1.5, NULL, true),
    ('risk-score-ipssr-very-low', [2100000106], NULL, 1.5, true), ('risk-score-ipssr-low', [2100000107], 1.5, 3, true),
    ('risk-score-ipssr-intermediate', [2100000108], 3, 4.5, true), ('risk-score-ipssr-high', [2100000109], 4.5, 6, true),
    ('risk-score-ipssr-very-high', [2100000110], 6, NULL, true)
) AS limits(shape, targets, lowest, highest, open) JOIN kind ON list_contains(targets, ancestor);

CREATE TABLE unit_of AS
SELECT concept, shape, unit FROM (VALUES
    ('basophils-unit', [3006315, 3013429], '10*9/L'), ('eosinophils-unit', [3013115, 3028615], '10*9/L'), ('urea-nitrogen-unit', [3013682], 'mg/dL'),
    ('total-protein-unit', [3020630], 'g/L'), ('ggt-unit', [3026910], 'U/L'), ('alkaline-phosphatase-unit', [3035995], 'U/L'),
    ('prothrombin-time-unit', [3034426], 's'), ('body-surface-area-unit', [3005424], 'm2'), ('bmi-unit', [3038553], 'kg/m2'),
    ('haemoglobin-unit', [3000963], 'g/dL'), ('haematocrit-unit', [3009542, 3023314], '%'), ('mcv-unit', [3024731, 3023599], 'fL'),
    ('erythrocytes-unit', [3026361, 3020416], '10*12/L'), ('leukocytes-unit', [3010813, 3000905], '10*9/L'),
    ('neutrophils-unit', [3013650, 3017732], '10*9/L'), ('lymphocytes-unit', [3019198, 3004327], '10*9/L'),
    ('monocytes-unit', [3001604, 3033575], '10*9/L'), ('platelets-unit', [3007461, 3024929], '10*9/L'),
    ('alt-ast-unit', [3006923, 3013721], 'U/L'), ('m-protein-unit', [2100002119], 'g/L'), ('urate-unit', [3037556], 'mg/dL'),
    ('ldh-unit', [3016436, 3005783, 3022250], 'U/L'), ('albumin-unit', [3024561], 'g/L'), ('calcium-unit', [3006906], 'mg/dL'),
    ('creatinine-unit', [3016723], 'mg/dL'), ('bilirubin-unit', [3024128], 'mg/dL'), ('crp-unit', [3020460], 'mg/L'),
    ('ferritin-unit', [3001122], 'ug/L'), ('beta2-microglobulin-unit', [3013201], 'mg/L'), ('body-weight-unit', [3025315], 'kg'),
    ('body-height-unit', [3036277], 'cm'), ('bone-marrow-blasts-unit', [2100000120], '%'), ('peripheral-blood-blasts-unit', [2100000121], '%')
) AS units(shape, targets, unit) JOIN kind ON list_contains(targets, ancestor);

-- --- measurements: one pass finds the rows that can be at fault, the rest looks at these only --------------------------

CREATE TABLE tight AS
SELECT concept, max(lowest) AS lowest, min(highest) AS highest, min(unit) AS unit, max(unit) AS other_unit,
    bool_or(concept IN (SELECT concept FROM kind WHERE ancestor = 2100000122)) AS ecog
FROM known LEFT JOIN limited USING (concept) LEFT JOIN unit_of USING (concept) GROUP BY concept;

CREATE TABLE odd_measurement AS
SELECT m.id, m.concept, m.value, m.operator, m.value_concept, m.unit FROM Measurement AS m LEFT JOIN tight AS t USING (concept)
WHERE t.concept IS NULL OR m.value < coalesce(t.lowest, 0) OR m.value < 0 OR m.value > t.highest OR (ecog AND m.value <> round(m.value))
    OR m.unit <> t.unit OR m.unit <> t.other_unit OR (m.unit IS NULL AND m.value IS NOT NULL) OR (m.value IS NULL AND m.value_concept IS NULL)
    OR m.operator NOT IN ('<', '<=', '>', '>=') OR m.value_concept NOT IN (SELECT concept FROM known);

INSERT INTO found
SELECT id, shape, CASE WHEN value < lowest THEN 'MinInclusive' ELSE 'MaxInclusive' END, number(value)
FROM odd_measurement JOIN limited USING (concept) WHERE NOT open AND (value < lowest OR value > highest)
UNION ALL SELECT id, shape, 'In', m.unit FROM odd_measurement AS m JOIN unit_of AS u USING (concept) WHERE m.unit <> u.unit
UNION ALL SELECT id, 'ecog-grade', 'Pattern', number(value) FROM odd_measurement JOIN kind USING (concept)
    WHERE ancestor = 2100000122 AND NOT (value BETWEEN 0 AND 5 AND value = round(value))
UNION ALL SELECT id, 'measurement-negative', 'MinInclusive', number(value) FROM odd_measurement WHERE value < 0
UNION ALL SELECT id, 'measurement-operator', 'In', operator FROM odd_measurement WHERE operator NOT IN ('<', '<=', '>', '>=')
UNION ALL SELECT id, 'measurement-without-unit', 'MinCount', number(value) FROM odd_measurement WHERE value IS NOT NULL AND unit IS NULL
UNION ALL SELECT id, 'measurement-silent', 'MinCount', '' FROM odd_measurement WHERE value IS NULL AND value_concept IS NULL
UNION ALL SELECT id, 'record-concept', 'MinCount', '' FROM odd_measurement WHERE concept IS NULL
UNION ALL SELECT id, 'record-concept', 'Class', iri(concept) FROM odd_measurement WHERE concept NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'record-value-concept', 'Class', iri(value_concept) FROM odd_measurement
    WHERE value_concept NOT IN (SELECT concept FROM known);

-- --- mutations -----------------------------------------------------------------------------------------------------

CREATE TABLE odd_mutation AS
SELECT * FROM (
    SELECT id, concept, gene, consequence, significance, vaf, depth, genome_build, position, length, ref, alt, chromosome, hgvs_c, hgvs_p,
        concept IN (SELECT concept FROM kind WHERE ancestor = 2100000020) AS alteration,
        regexp_matches(hgvs_c, '^([A-Z]{2}_?[0-9.]+(\([^)]+\))?:)?[cnr]\.[(\[]?[-*+?0-9(=]') AS good_c,
        regexp_matches(hgvs_p, '^([A-Z]{2}_?[0-9.]+(\([^)]+\))?:)?p\.[(\[]?([A-Z*][A-Za-z]{0,2}[0-9]|[0?=])') AS good_p,
        regexp_matches(chromosome, '^([1-9]|1[0-9]|2[0-2]|X|Y|MT)$') AS good_chromosome,
        regexp_matches(ref, '^([ACGTN]+|[-.*])$', 'i') AS good_ref,
        regexp_matches(alt, '^([ACGTN]+|[-.*]|<[A-Z:]+>)$', 'i') AS good_alt
    FROM Mutation)
WHERE alteration IS DISTINCT FROM true OR NOT good_c OR NOT good_p OR NOT good_chromosome OR NOT good_ref OR NOT good_alt OR ref = alt
    OR vaf < 0.005 OR vaf > 1 OR depth < 1 OR position < 1 OR position > 249250621 OR length < 1 OR length > 1000
    OR genome_build NOT IN ('NCBI36', 'GRCh37', 'GRCh38', 'T2T-CHM13v2.0') OR gene NOT IN (SELECT concept FROM known)
    OR consequence NOT IN (SELECT concept FROM known) OR significance NOT IN (SELECT concept FROM known);

INSERT INTO found
SELECT id, 'mutation-is-alteration', 'HasValue', coalesce(iri(concept), '') FROM odd_mutation WHERE alteration IS DISTINCT FROM true
UNION ALL SELECT id, 'record-concept', 'MinCount', '' FROM odd_mutation WHERE concept IS NULL
UNION ALL SELECT id, 'record-concept', 'Class', iri(concept) FROM odd_mutation WHERE concept NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'mutation-gene', 'Class', iri(gene) FROM odd_mutation WHERE gene NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'mutation-consequence', 'Class', iri(consequence) FROM odd_mutation WHERE consequence NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'mutation-significance', 'Class', iri(significance) FROM odd_mutation WHERE significance NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'mutation-hgvs-c', 'Pattern', hgvs_c FROM odd_mutation WHERE NOT good_c
UNION ALL SELECT id, 'mutation-hgvs-p', 'Pattern', hgvs_p FROM odd_mutation WHERE NOT good_p
UNION ALL SELECT id, 'mutation-chromosome', 'Pattern', chromosome FROM odd_mutation WHERE NOT good_chromosome
UNION ALL SELECT id, 'mutation-ref', 'Pattern', ref FROM odd_mutation WHERE NOT good_ref
UNION ALL SELECT id, 'mutation-alt', 'Pattern', alt FROM odd_mutation WHERE NOT good_alt
UNION ALL SELECT id, 'mutation-ref-is-alt', 'Disjoint', ref FROM odd_mutation WHERE ref = alt
UNION ALL SELECT id, 'mutation-genome-build', 'In', genome_build FROM odd_mutation
    WHERE genome_build NOT IN ('NCBI36', 'GRCh37', 'GRCh38', 'T2T-CHM13v2.0')
UNION ALL SELECT id, 'mutation-vaf', 'MinExclusive', number(vaf) FROM odd_mutation WHERE vaf <= 0
UNION ALL SELECT id, 'mutation-vaf', 'MaxInclusive', number(vaf) FROM odd_mutation WHERE vaf > 1
UNION ALL SELECT id, 'mutation-vaf-low', 'MinInclusive', number(vaf) FROM odd_mutation WHERE vaf < 0.005
UNION ALL SELECT id, 'mutation-depth', 'MinInclusive', number(depth) FROM odd_mutation WHERE depth < 1
UNION ALL SELECT id, 'mutation-position', 'MinInclusive', number(position) FROM odd_mutation WHERE position < 1
UNION ALL SELECT id, 'mutation-position', 'MaxInclusive', number(position) FROM odd_mutation WHERE position > 249250621
UNION ALL SELECT id, 'mutation-length', 'MinInclusive', number(length) FROM odd_mutation WHERE length < 1
UNION ALL SELECT id, 'mutation-length-long', 'MaxInclusive', number(length) FROM odd_mutation WHERE length > 1000;

-- --- specimens, diagnoses, findings, responses, adverse events, risk groups, patients by themselves --------------------

INSERT INTO found
SELECT id, 'specimen-concept', 'Class', iri(concept) FROM Specimen WHERE concept NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'specimen-tissue', 'Class', iri(tissue) FROM Specimen WHERE tissue NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'diagnosis-is-disease', 'HasValue', coalesce(iri(concept), '') FROM Diagnosis
    WHERE concept IS NULL OR concept NOT IN (SELECT concept FROM kind WHERE ancestor = 2100000030)
UNION ALL SELECT id, 'record-concept', CASE WHEN concept IS NULL THEN 'MinCount' ELSE 'Class' END, coalesce(iri(concept), '') FROM (
    SELECT id, concept FROM Diagnosis UNION ALL SELECT id, concept FROM Finding UNION ALL SELECT id, concept FROM AdverseEvent
    UNION ALL SELECT id, concept FROM Response UNION ALL SELECT id, concept FROM Outcome UNION ALL SELECT id, concept FROM RiskGroup)
    WHERE concept IS NULL OR concept NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'record-value-concept', 'Class', iri(value_concept) FROM (
    SELECT id, value_concept FROM Finding UNION ALL SELECT id, value_concept FROM Karyotype)
    WHERE value_concept NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'adverse-event-grade', CASE WHEN grade < 1 THEN 'MinInclusive' ELSE 'MaxInclusive' END, number(grade)
    FROM AdverseEvent WHERE grade NOT BETWEEN 1 AND 5
UNION ALL SELECT id, shape, CASE WHEN score > highest THEN 'MaxInclusive' ELSE 'MinExclusive' END, number(score)
    FROM RiskGroup JOIN limited USING (concept) WHERE open AND (score <= lowest OR score > highest)
UNION ALL SELECT id, 'patient-sex', 'In', iri(sex) FROM Patient WHERE sex NOT IN (8507, 8532)
UNION ALL SELECT id, 'patient-age', CASE WHEN age < 0 THEN 'MinInclusive' ELSE 'MaxInclusive' END, number(age)
    FROM Patient WHERE age NOT BETWEEN 0 AND 120
UNION ALL SELECT id, 'patient-without-sex', 'MinCount', '' FROM Patient WHERE sex IS NULL
UNION ALL SELECT id, 'patient-without-age', 'MinCount', '' FROM Patient WHERE age IS NULL
UNION ALL SELECT id, 'patient-without-diagnosis', 'HasValue', '' FROM Patient ANTI JOIN Diagnosis ON Patient.id = Diagnosis.patient;

-- --- karyotypes ------------------------------------------------------------------------------------------------------

CREATE TABLE odd_karyotype AS
SELECT * FROM (
    SELECT id, patient, concept, iscn, value_concept, clones, sex_chromosomes, abnormalities, cells, lost, gained, ipssr_group, not_read,
        regexp_matches(iscn, '^(mos |chi )?[0-9]{2,3}([~-][0-9]{2,3})?(<[0-9]n[+-]?>)?(\([0-9~]+\))?, *[XYU?idmp-]|(^|[ .])ish |^arr|^ogm|^sseq|^rsa|^seq') AS good_iscn,
        regexp_matches(sex_chromosomes, '^[XY]*$') AS good_sex,
        regexp_matches(lost, '^([1-9]|1[0-9]|2[0-2]|X|Y)([pq][0-9.]*(-[pq]([0-9.]+|ter))?)?(, ([1-9]|1[0-9]|2[0-2]|X|Y)([pq][0-9.]*(-[pq]([0-9.]+|ter))?)?)*$') AS good_lost,
        regexp_matches(gained, '^([1-9]|1[0-9]|2[0-2]|X|Y)([pq][0-9.]*(-[pq]([0-9.]+|ter))?)?(, ([1-9]|1[0-9]|2[0-2]|X|Y)([pq][0-9.]*(-[pq]([0-9.]+|ter))?)?)*$') AS good_gained,
        regexp_matches(not_read, '\(at [0-9]+\)$') AS good_place
    FROM Karyotype)
WHERE NOT good_iscn OR NOT good_sex OR NOT good_lost OR NOT good_gained OR NOT good_place OR clones < 1 OR abnormalities < 0
    OR cells NOT BETWEEN 1 AND 1000 OR (iscn IS NULL AND value_concept IS NULL) OR (iscn IS NOT NULL AND value_concept = 2100000016)
    OR concept NOT IN (SELECT concept FROM known) OR ipssr_group NOT IN (SELECT concept FROM known);

INSERT INTO found
SELECT id, 'karyotype-concept', 'Class', iri(concept) FROM odd_karyotype WHERE concept NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'karyotype-iscn', 'Pattern', iscn FROM odd_karyotype WHERE NOT good_iscn
UNION ALL SELECT id, 'karyotype-clones', 'MinInclusive', number(clones) FROM odd_karyotype WHERE clones < 1
UNION ALL SELECT id, 'karyotype-sex-chromosomes', 'Pattern', sex_chromosomes FROM odd_karyotype WHERE NOT good_sex
UNION ALL SELECT id, 'karyotype-abnormalities', 'MinInclusive', number(abnormalities) FROM odd_karyotype WHERE abnormalities < 0
UNION ALL SELECT id, 'karyotype-cells', CASE WHEN cells < 1 THEN 'MinInclusive' ELSE 'MaxInclusive' END, number(cells)
    FROM odd_karyotype WHERE cells NOT BETWEEN 1 AND 1000
UNION ALL SELECT id, 'karyotype-lost', 'Pattern', lost FROM odd_karyotype WHERE NOT good_lost
UNION ALL SELECT id, 'karyotype-gained', 'Pattern', gained FROM odd_karyotype WHERE NOT good_gained
UNION ALL SELECT id, 'karyotype-not-read', 'Pattern', not_read FROM odd_karyotype WHERE NOT good_place
UNION ALL SELECT id, 'karyotype-ipssr-group', 'Class', iri(ipssr_group) FROM odd_karyotype WHERE ipssr_group NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'karyotype-silent', 'MinCount', '' FROM odd_karyotype WHERE iscn IS NULL AND value_concept IS NULL
UNION ALL SELECT id, 'karyotype-failed-with-iscn', 'Not', iscn FROM odd_karyotype WHERE iscn IS NOT NULL AND value_concept = 2100000016
UNION ALL SELECT k.id, 'karyotype-y-in-female', 'Or', sex_chromosomes FROM Karyotype AS k JOIN Patient AS p ON k.patient = p.id
    WHERE p.sex = 8532 AND contains(sex_chromosomes, 'Y')
UNION ALL SELECT k.id, 'karyotype-no-y-in-male', 'Or', sex_chromosomes FROM Karyotype AS k JOIN Patient AS p ON k.patient = p.id
    WHERE p.sex = 8507 AND NOT contains(sex_chromosomes, 'Y') AND sex_chromosomes NOT IN ('', 'X');

-- --- outcomes by themselves ------------------------------------------------------------------------------------------

INSERT INTO found
SELECT id, 'outcome-days', 'MinCount', '' FROM Outcome WHERE days IS NULL
UNION ALL SELECT id, 'outcome-days', 'MinInclusive', number(days) FROM Outcome WHERE days < 0
UNION ALL SELECT id, 'outcome-days-long', 'MaxInclusive', number(days) FROM Outcome WHERE days > 21915
UNION ALL SELECT id, 'outcome-entry', 'MinInclusive', number(entry_days) FROM Outcome WHERE entry_days < 0
UNION ALL SELECT id, 'outcome-entry-after-end', 'LessThan', number(entry_days) FROM Outcome WHERE entry_days >= days
UNION ALL SELECT id, 'outcome-without-event', 'MinCount', coalesce(number(days), '') FROM Outcome WHERE event IS NULL
UNION ALL SELECT id, 'outcome-cause', 'Class', iri(cause) FROM Outcome WHERE cause NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'outcome-cause-without-event', 'Not', iri(cause) FROM Outcome WHERE cause IS NOT NULL AND NOT event;

-- --- treatments, and what refers to them ---------------------------------------------------------------------------------

CREATE TABLE therapy AS
SELECT id, nullif(patient, '') AS patient, concept, line, start_day, end_day, donor, part_of FROM Treatment;

INSERT INTO found
SELECT id, 'treatment-concept', 'MinCount', '' FROM therapy WHERE coalesce(len(list_filter(concept, lambda c: c IS NOT NULL)), 0) = 0
UNION ALL SELECT id, 'treatment-concept', 'Class', iri(one) FROM (SELECT id, unnest(concept) AS one FROM therapy)
    WHERE one NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'treatment-line', CASE WHEN line < 1 THEN 'MinInclusive' ELSE 'MaxInclusive' END, number(line)
    FROM therapy WHERE line NOT BETWEEN 1 AND 40
UNION ALL SELECT id, 'treatment-sequence', 'MinInclusive', number(sequence) FROM Treatment WHERE sequence < 1
UNION ALL SELECT id, 'treatment-start-day', CASE WHEN start_day < 0 THEN 'MinInclusive' ELSE 'MaxInclusive' END, number(start_day)
    FROM therapy WHERE start_day NOT BETWEEN -43830 AND 43830
UNION ALL SELECT id, 'treatment-end-day', CASE WHEN end_day < 0 THEN 'MinInclusive' ELSE 'MaxInclusive' END, number(end_day)
    FROM therapy WHERE end_day NOT BETWEEN -43830 AND 43830
UNION ALL SELECT id, 'treatment-ends-before-start', 'LessThanOrEquals', number(start_day) FROM therapy WHERE start_day > end_day
UNION ALL SELECT id, 'treatment-cycles', CASE WHEN cycles < 1 THEN 'MinInclusive' ELSE 'MaxInclusive' END, number(cycles)
    FROM Treatment WHERE cycles NOT BETWEEN 1 AND 300
UNION ALL SELECT id, 'treatment-disease-state', 'Class', iri(disease_state) FROM Treatment WHERE disease_state NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'treatment-stop-reason', 'Class', iri(stop_reason) FROM Treatment WHERE stop_reason NOT IN (SELECT concept FROM known)
UNION ALL SELECT id, 'treatment-donor', 'In', iri(donor) FROM therapy WHERE donor NOT BETWEEN 2100000050 AND 2100000054
UNION ALL SELECT id, 'donor-without-transplant', 'HasValue', coalesce(list_aggregate(list_sort(list_distinct(list_transform(concept, lambda c: iri(c)))), 'string_agg', ', '), '')
    FROM therapy WHERE donor IS NOT NULL AND coalesce(NOT list_has_any(concept, (SELECT list(concept) FROM kind WHERE ancestor = 2100000080)), true)
UNION ALL SELECT id, 'allogeneic-from-patient', 'Not', iri(donor) FROM therapy
    WHERE donor = 2100000054 AND list_has_any(concept, (SELECT list(concept) FROM kind WHERE ancestor = 2100000081));

CREATE TABLE line AS SELECT id, patient, line, start_day, end_day FROM therapy WHERE line IS NOT NULL AND patient IS NOT NULL;
INSERT INTO found
SELECT late.id, 'lines-overlap', 'LessThanOrEquals', number(early.end_day)
    FROM line AS late JOIN line AS early ON late.patient = early.patient AND early.line < late.line AND early.end_day > late.start_day
UNION ALL SELECT id, 'line-left-open', 'Or', number(line.line)
    FROM line SEMI JOIN (SELECT patient, max(line) AS last FROM line GROUP BY patient) AS l ON line.patient = l.patient AND line.line < l.last
    WHERE end_day IS NULL AND start_day IS NOT NULL;

CREATE TABLE odd_link AS
SELECT r.*, t.id IS NOT NULL AS there, t.patient AS other, t.start_day FROM (
    SELECT 'Response' AS class, id, nullif(patient, '') AS patient, day, treatment FROM Response WHERE treatment IS NOT NULL
    UNION ALL SELECT 'AdverseEvent', id, nullif(patient, ''), day, treatment FROM AdverseEvent WHERE treatment IS NOT NULL
    UNION ALL SELECT 'Treatment', id, patient, start_day, part_of FROM therapy WHERE part_of IS NOT NULL
) AS r LEFT JOIN therapy AS t ON r.treatment = t.id
WHERE t.id IS NULL OR t.patient IS DISTINCT FROM r.patient OR t.start_day > r.day;

INSERT INTO found
SELECT id, CASE class WHEN 'Treatment' THEN 'treatment-part-of' ELSE 'record-treatment' END, 'Class', urn(treatment) FROM odd_link WHERE NOT there
UNION ALL SELECT id, CASE class WHEN 'Treatment' THEN 'treatment-part-of-patient' ELSE 'record-treatment-of-patient' END, 'Equals', urn(side)
    FROM (SELECT id, class, unnest([patient, other]) AS side FROM odd_link WHERE other IS DISTINCT FROM patient) WHERE side IS NOT NULL
UNION ALL SELECT id, CASE class WHEN 'Response' THEN 'response-before-treatment' WHEN 'AdverseEvent' THEN 'adverse-event-before-treatment'
        ELSE 'treatment-before-its-line' END, 'LessThanOrEquals', number(start_day) FROM odd_link WHERE start_day > day;

-- --- days against diagnosis and death, and the roster: one pass over the days of all records ---------------------------

CREATE TABLE diagnosed AS
SELECT patient, min(day) AS diagnosed FROM Diagnosis
WHERE patient <> '' AND concept IS NOT NULL AND concept NOT IN (SELECT concept FROM kind WHERE ancestor = 2100003103) AND day IS NOT NULL
GROUP BY patient;
INSERT INTO found
SELECT id, 'response-before-diagnosis', 'LessThanOrEquals', number(diagnosed) FROM Response JOIN diagnosed USING (patient) WHERE diagnosed > day
UNION ALL SELECT id, 'treatment-before-diagnosis', 'LessThanOrEquals', number(diagnosed) FROM therapy JOIN diagnosed USING (patient)
    WHERE diagnosed > start_day;

CREATE TABLE survival AS
SELECT id, nullif(patient, '') AS patient, days, event, day + round(days, 0)::BIGINT AS end_day FROM Outcome
WHERE concept IN (SELECT concept FROM kind WHERE ancestor = 2100000001);
CREATE TABLE death AS SELECT id, patient, end_day FROM survival WHERE patient IS NOT NULL
UNION ALL SELECT id, patient, end_day FROM therapy  -- a treatment has an end too, should one be called survival
    WHERE patient IS NOT NULL AND list_has_any(concept, (SELECT list(concept) FROM kind WHERE ancestor = 2100000001));
CREATE TABLE person AS
SELECT coalesce(p.id, s.patient) AS patient, p.id IS NOT NULL AS listed, s.last
FROM Patient AS p FULL JOIN (SELECT patient, min(end_day) AS last FROM death GROUP BY patient) AS s ON p.id = s.patient;

CREATE TABLE odd_day AS
SELECT r.*, listed FROM (
    SELECT id, patient, NULL::BIGINT AS day, NULL::BIGINT AS start_day, NULL::BIGINT AS end_day FROM Patient
    UNION ALL SELECT id, patient, day, NULL, NULL FROM Specimen
    UNION ALL SELECT id, patient, day, NULL, NULL FROM Diagnosis
    UNION ALL SELECT id, patient, day, NULL, NULL FROM Mutation
    UNION ALL SELECT id, patient, day, NULL, NULL FROM Karyotype
    UNION ALL SELECT id, patient, day, NULL, NULL FROM Finding
    UNION ALL SELECT id, patient, day, NULL, NULL FROM Measurement
    UNION ALL SELECT id, patient, NULL, start_day, end_day FROM therapy
    UNION ALL SELECT id, patient, day, NULL, NULL FROM AdverseEvent
    UNION ALL SELECT id, patient, day, NULL, NULL FROM Response
    UNION ALL SELECT id, patient, day, NULL, day + round(days, 0)::BIGINT FROM Outcome
    UNION ALL SELECT id, patient, day, NULL, NULL FROM RiskGroup
) AS r LEFT JOIN person AS p USING (patient)
WHERE listed IS DISTINCT FROM true OR day NOT BETWEEN -43830 AND 43830 OR greatest(day, start_day, end_day) > last;

INSERT INTO found
SELECT id, 'record-patient', CASE WHEN nullif(patient, '') IS NULL THEN 'MinCount' ELSE 'Class' END, coalesce(urn(nullif(patient, '')), '')
    FROM odd_day WHERE listed IS DISTINCT FROM true
UNION ALL SELECT id, 'record-day-lifetime', CASE WHEN day < 0 THEN 'MinInclusive' ELSE 'MaxInclusive' END, number(day)
    FROM odd_day WHERE day NOT BETWEEN -43830 AND 43830
UNION ALL SELECT DISTINCT s.id, 'record-after-death', 'LessThanOrEquals', number(late)
    FROM (SELECT patient, unnest([day, start_day, end_day]) AS late FROM odd_day) AS d JOIN death AS s USING (patient) WHERE late > s.end_day;

-- --- concepts in the wrong class, and concepts of one patient against each other -----------------------------------------

CREATE VIEW fact AS
SELECT 'Specimen' AS class, id, patient, concept FROM Specimen
UNION ALL SELECT 'Diagnosis', id, patient, concept FROM Diagnosis
UNION ALL SELECT 'Mutation', id, patient, concept FROM Mutation
UNION ALL SELECT 'Karyotype', id, patient, concept FROM Karyotype
UNION ALL SELECT 'Finding', id, patient, concept FROM Finding
UNION ALL SELECT 'Measurement', id, patient, concept FROM Measurement
UNION ALL SELECT 'Treatment', id, patient, unnest(concept) FROM therapy
UNION ALL SELECT 'AdverseEvent', id, patient, concept FROM AdverseEvent
UNION ALL SELECT 'Response', id, patient, concept FROM Response
UNION ALL SELECT 'Outcome', id, patient, concept FROM Outcome
UNION ALL SELECT 'RiskGroup', id, patient, concept FROM RiskGroup;

-- which concepts stand in which class is read first: mostly there is nothing to look for
CREATE TABLE stated AS SELECT DISTINCT class, concept FROM fact;
CREATE TABLE homeless AS
SELECT DISTINCT s.class, s.concept, h.shape FROM stated AS s JOIN kind USING (concept) JOIN (VALUES
    (2100000030, 'Diagnosis', 'disease-as-diagnosis'), (2100000013, 'Finding', 'abnormality-as-finding'),
    (2100000020, 'Mutation', 'alteration-as-mutation'), (2100000001, 'Outcome', 'survival-as-outcome'),
    (2100000002, 'Outcome', 'survival-as-outcome'), (2100000003, 'Outcome', 'survival-as-outcome'),
    (2100000004, 'Outcome', 'survival-as-outcome')) AS h(ancestor, class, shape) USING (ancestor) WHERE s.class <> h.class;
CREATE TABLE stray AS SELECT DISTINCT class, f.id, h.shape FROM fact AS f JOIN homeless AS h USING (class, concept);
INSERT INTO found
SELECT s.id, shape, 'Class', string_agg(DISTINCT iri(concept), ', ' ORDER BY iri(concept)) FROM stray AS s JOIN fact AS f USING (class, id)
GROUP BY class, s.id, shape;

CREATE TABLE marked AS
SELECT class, id, nullif(patient, '') AS patient, f.concept, ancestor FROM fact AS f JOIN (SELECT * FROM kind WHERE ancestor IN (
    2100000010, 2100000013, 2100000014, 2100000015, 2100000017, 2100000060, 2100001457, 2100001542, 2100001321, 2100001541, 2100003002, 35948005)
    AND concept IN (SELECT concept FROM stated)) AS k USING (concept);
CREATE MACRO stating(a) AS TABLE SELECT id, patient, concept FROM marked WHERE ancestor = a AND patient IS NOT NULL;
CREATE MACRO iris(concept) AS string_agg(DISTINCT iri(concept), ', ' ORDER BY iri(concept));

INSERT INTO found
SELECT id, 'patient-without-survival', 'HasValue', '' FROM Patient
    ANTI JOIN (SELECT patient FROM fact WHERE concept = 2100000001) AS os ON Patient.id = os.patient
UNION ALL SELECT f.id, 'normal-karyotype-with-abnormality', 'Not', iris(a.concept)
    FROM stating(2100000010) AS f JOIN stating(2100000013) AS a USING (patient) GROUP BY f.id
UNION ALL SELECT f.id, 'npm1-with-recurrent-rearrangement', 'Not', iris(r.concept)
    FROM stating(35948005) AS f JOIN stating(2100000014) AS r USING (patient) GROUP BY f.id
UNION ALL SELECT f.id, 'second-recurrent-rearrangement', 'QualifiedMaxCount', iris(r.concept)
    FROM stating(2100000014) AS f JOIN stating(2100000014) AS r USING (patient) GROUP BY f.id HAVING min(r.concept) <> max(r.concept)
UNION ALL SELECT f.id, 'loss-of-y-in-female', 'Not', iri(8532) FROM stating(2100000015) AS f JOIN Patient AS p ON f.patient = p.id WHERE p.sex = 8532
UNION ALL SELECT f.id, 'loss-of-x-in-male', 'Not', iri(8507) FROM stating(2100000017) AS f JOIN Patient AS p ON f.patient = p.id WHERE p.sex = 8507
UNION ALL SELECT f.id, 'secondary-and-de-novo', 'Not', iris(a.concept) FROM marked AS f SEMI JOIN (
        SELECT patient FROM marked WHERE concept = 2100001541) AS n USING (patient) JOIN fact AS a ON f.class = a.class AND f.id = a.id
    WHERE ancestor IN (2100001542, 2100001321) GROUP BY f.class, f.id
UNION ALL SELECT d.id, 'mgus-m-protein', 'Or', iri(concept) FROM Diagnosis AS d SEMI JOIN (SELECT patient FROM Measurement
        WHERE day = 0 AND value >= 30 AND patient <> '' AND concept IN (SELECT concept FROM kind WHERE ancestor = 2100002119)) AS m USING (patient)
    WHERE day = 0 AND concept IN (SELECT concept FROM kind WHERE ancestor = 2100001457)
UNION ALL SELECT a.id, 'adverse-event-fatal', 'Or', coalesce(iri(concept), '') FROM AdverseEvent AS a
    ANTI JOIN (SELECT patient FROM survival WHERE event AND patient IS NOT NULL) AS s USING (patient) WHERE grade = 5;

-- a patient with one group of a system, and that itself, is no trouble
CREATE TABLE grouped AS
SELECT id, nullif(patient, '') AS patient, f.concept, shape, low, high FROM fact AS f JOIN (
    SELECT DISTINCT concept, shape, low, high FROM kind JOIN (VALUES
        ('risk-two-groups-eln2010', 2100000090, 2100000093), ('risk-two-groups-eln2017', 2100000094, 2100000096),
        ('risk-two-groups-eln2022', 2100000097, 2100000099), ('risk-two-groups-ipssm', 2100000100, 2100000105),
        ('risk-two-groups-ipssr', 2100000106, 2100000110), ('risk-two-groups-cytogenetic', 2100000111, 2100000113)
    ) AS systems(shape, low, high) ON ancestor BETWEEN low AND high WHERE concept IN (SELECT concept FROM stated)) AS k USING (concept);
CREATE TABLE at_odds AS SELECT patient, shape FROM grouped GROUP BY patient, shape
HAVING patient IS NULL OR min(concept) <> max(concept) OR min(concept) NOT BETWEEN min(low) AND min(high);
INSERT INTO found
SELECT g.id, g.shape, 'Xone', coalesce(iris(o.concept), '') FROM grouped AS g
JOIN at_odds AS a ON g.shape = a.shape AND g.patient IS NOT DISTINCT FROM a.patient
LEFT JOIN grouped AS o ON g.patient = o.patient AND g.shape = o.shape GROUP BY g.id, g.shape
HAVING count(DISTINCT o.concept) FILTER (o.concept BETWEEN o.low AND o.high) <> 1;

-- --- times and responses of one patient ------------------------------------------------------------------------------------

INSERT INTO found
SELECT s.id, 'remission-despite-early-death', 'Or', number(days) FROM survival AS s SEMI JOIN stating(2100000060) AS r USING (patient)
    WHERE days < 14 AND event
UNION ALL SELECT o.id, 'event-free-without-remission', 'Or', coalesce(number(days), '') FROM Outcome AS o SEMI JOIN (SELECT patient FROM marked WHERE concept = 2100003002) AS r USING (patient)
    WHERE NOT event AND concept IN (SELECT concept FROM kind WHERE ancestor = 2100000002)
UNION ALL SELECT o.id, 'event-long-after-induction', 'Or', number(days) FROM Outcome AS o SEMI JOIN (SELECT patient FROM marked WHERE concept = 2100003002) AS r USING (patient)
    WHERE days > 365 AND concept IN (SELECT concept FROM kind WHERE ancestor = 2100000002);

CREATE TABLE censored AS SELECT s.id, s.patient FROM survival AS s SEMI JOIN (SELECT patient FROM Outcome WHERE NOT event) AS c USING (patient)
WHERE event AND s.patient IS NOT NULL;
CREATE TABLE of_censored AS SELECT c.id, f.concept, ancestor FROM censored AS c JOIN fact AS f USING (patient) JOIN kind USING (concept)
WHERE ancestor IN (2100003003, 2100000002, 2100000003, 2100000004, 2100002386);
INSERT INTO found
SELECT c.id, 'dead-though-censored', 'Or', coalesce(iris(o.concept), '') FROM censored AS c LEFT JOIN of_censored AS o USING (id)
GROUP BY c.id HAVING coalesce(bool_and(ancestor <> 2100003003), true);

COPY (SELECT DISTINCT * FROM found) TO '$OUT' (FORMAT parquet);
