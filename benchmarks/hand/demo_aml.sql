-- The job of `haemony build` for five of the eight files of the partner demo_aml, written by hand for DuckDB:
-- read, clean, map, join, and write the same record tables, source cells, panels, issues and ledger.
-- $DATA, $OUT and $CONCEPTS are folders; the variable `secret` is set before. What is known of this delivery is used:
-- rows map to records one to one, so that lists of sources are written out, and nothing is looked up that is constant.

CREATE MACRO clean(x) AS nullif(nullif(trim(replace(x, chr(160), ' '), E' \t\n\r\x0b\x0c'), ''), 'n.b.');
CREATE MACRO pseudonym(x) AS sha256(getvariable('secret') || sha256(getvariable('secret') || 'demo_aml' || chr(31) || x));
CREATE MACRO to_number(x) AS CASE WHEN regexp_full_match(x, '[+-]?([0-9]+(,[0-9]*)?|,[0-9]+)([eE][+-]?[0-9]{1,2})?')
    THEN try_cast(replace(x, ',', '.') AS DECIMAL(18,6)) END;
CREATE MACRO whole(x) AS CASE WHEN to_number(x) = round(to_number(x), 0) THEN to_number(x)::BIGINT END;
CREATE MACRO dated(x) AS CASE WHEN regexp_full_match(x, '[0-9]{1,2}[.][0-9]{1,2}[.][0-9]{4}')
    THEN try_strptime(x, '%d.%m.%Y')::DATE END;
CREATE MACRO part(x) AS coalesce(x::VARCHAR, '␀');
CREATE MACRO sorted(x) AS list_sort(list_filter(x, lambda y: y IS NOT NULL));
CREATE MACRO dictionary(line) AS 'demo_aml/dictionary.tsv:' || line;
CREATE MACRO concepts(line) AS 'demo_aml/concepts.sssom.tsv:' || line;
CREATE MACRO patient(pseudonym) AS md5('demo_aml' || chr(31) || 'Patient' || chr(31) || md5(pseudonym));
CREATE MACRO record(cls, key) AS md5('demo_aml' || chr(31) || cls || chr(31) || key);

-- what the texts mean: column, text, concept, line of the concept file
CREATE TABLE value_row AS
SELECT col, txt, concept_id::BIGINT AS concept, line FROM (VALUES
    ('Geschlecht', 'm', 'OMOP', '8507', 2), ('Geschlecht', 'w', 'OMOP', '8532', 3),
    ('AML_Typ', 'de novo', 'Haemony', 'primary-aml', 4), ('AML_Typ', 'sAML', 'Haemony', 'secondary-aml', 5),
    ('AML_Typ', 'tAML', 'OncoTree', 'TAML', 6),
    ('ELN_2022', 'günstig', 'Haemony', 'eln2022-favorable', 8),
    ('ELN_2022', 'intermediär', 'Haemony', 'eln2022-intermediate', 9),
    ('ELN_2022', 'ungünstig', 'Haemony', 'eln2022-adverse', 10),
    ('CEBPA', 'mono', 'OMOP', '35948202', 36), ('CEBPA', 'bi', 'Haemony', 'biallelic-cebpa', 37),
    ('CEBPA', 'wt', 'OMOP', '35948202', 38),
    ('Therapie', '7+3', 'Haemony', 'cytarabine', 41), ('Therapie', '7+3', 'Haemony', 'daunorubicin', 42),
    ('Therapie', '7+3+Midostaurin', 'Haemony', 'cytarabine', 43),
    ('Therapie', '7+3+Midostaurin', 'Haemony', 'daunorubicin', 44),
    ('Therapie', '7+3+Midostaurin', 'Haemony', 'midostaurin', 45),
    ('Therapie', '7+3+GO', 'Haemony', 'cytarabine', 46), ('Therapie', '7+3+GO', 'Haemony', 'daunorubicin', 47),
    ('Therapie', '7+3+GO', 'Haemony', 'gemtuzumab-ozogamicin', 48),
    ('Therapie', 'CPX-351', 'Haemony', 'cpx-351', 49), ('Therapie', 'HDAC', 'Haemony', 'cytarabine', 50),
    ('Therapie', 'FLAG-Ida', 'Haemony', 'fludarabine', 51), ('Therapie', 'FLAG-Ida', 'Haemony', 'cytarabine', 52),
    ('Therapie', 'FLAG-Ida', 'Haemony', 'idarubicin', 53), ('Therapie', 'Gilteritinib', 'Haemony', 'gilteritinib', 54),
    ('Therapie', 'Azacitidin', 'Haemony', 'azacitidine', 55), ('Therapie', 'Decitabin', 'Haemony', 'decitabine', 56),
    ('Therapie', 'Azacitidin+Venetoclax', 'Haemony', 'azacitidine', 57),
    ('Therapie', 'Azacitidin+Venetoclax', 'Haemony', 'venetoclax', 58),
    ('Ansprechen', 'VR', 'Haemony', 'complete-remission', 59),
    ('Ansprechen', 'VRi', 'Haemony', 'complete-remission-incomplete-recovery', 60),
    ('Ansprechen', 'TR', 'Haemony', 'partial-remission', 61), ('Ansprechen', 'NE', 'Haemony', 'refractory-disease', 62),
    ('Ansprechen', 'FT', 'Haemony', 'early-death', 63),
    ('TPL_Art', 'allogen', 'Haemony', 'allogeneic-hsct', 64), ('TPL_Art', 'haplo', 'Haemony', 'haploidentical-hsct', 65),
    ('Spender', 'MUD', 'Haemony', 'donor-unrelated', 66), ('Spender', 'MRD', 'Haemony', 'donor-related', 67),
    ('Spender', 'Haplo', 'Haemony', 'donor-haploidentical', 68),
    ('Status_vor_TPL', '1. VR', 'Haemony', 'first-complete-remission', 69),
    ('Status_vor_TPL', '2. VR', 'Haemony', 'second-complete-remission', 70)
) AS delivered(col, txt, vocabulary, code, line)
JOIN read_csv('$CONCEPTS/CONCEPT.csv', all_varchar = true) AS c
    ON CASE WHEN vocabulary = 'OMOP' THEN c.concept_id = code
       ELSE c.vocabulary_id = vocabulary AND c.concept_code = code END;
CREATE TABLE meaning AS
SELECT col, txt, list_sort(list(concept)) AS concepts, min(concept) AS concept,
    list(concepts(line) ORDER BY line) AS lines, arg_max(concepts(line), line) AS last_line
FROM value_row GROUP BY ALL;

-- what the columns are: line of the dictionary, line of the column's own concept, its concept, into which unit
CREATE TABLE measured AS FROM (VALUES
    ('ECOG', 10, 7, 2100000122, '1', NULL, NULL), ('Leukozyten (Gpt/l)', 14, 11, 3000905, '10*9/L', NULL, NULL),
    ('Hb', 15, 12, 3000963, 'g/dL', NULL, 1.6114), ('Thrombozyten (Gpt/l)', 17, 14, 3024929, '10*9/L', NULL, NULL),
    ('LDH (U/l)', 18, 15, 3016436, 'U/L', NULL, NULL), ('Blasten_KM (%)', 19, 16, 2100000120, '%', NULL, NULL),
    ('Blasten_PB (%)', 20, 17, 2100000121, '%', NULL, NULL),
    ('Kreatinin (µmol/l)', 21, 18, 3016723, 'mg/dL', 'umol/L', 0.011312),
    ('FLT3_ITD_Ratio', 29, 35, 2100002124, '1', NULL, NULL)
) AS m(col, line, own, concept, unit, delivered, factor);

-- read
CREATE MACRO delivered(file) AS TABLE
    SELECT row_number() OVER () + 1 AS "row", * FROM read_csv(file, delim = ';', quote = '"', escape = '"',
        encoding = 'latin-1', header = true, all_varchar = true, auto_detect = true, sample_size = 1);
CREATE TABLE roster_row AS
SELECT "row", pseudonym(clean(PatNr)) AS pat, dated(clean(Diagnosedatum)) AS dx, clean(Diagnosedatum) AS "Diagnosedatum",
    clean(Geburtsdatum) AS "Geburtsdatum", clean(Geschlecht) AS "Geschlecht", clean(Station) AS "Station",
    clean(AML_Typ) AS "AML_Typ", clean(ECOG) AS "ECOG", clean(ELN_2022) AS "ELN_2022"
FROM delivered('$DATA/stammdaten.csv');
CREATE TABLE person AS
SELECT pat, count(*) AS times, min(dx) AS dx, patient(pat) AS patient FROM roster_row WHERE pat IS NOT NULL GROUP BY pat;
CREATE MACRO why_out(pat, times) AS CASE WHEN times IS NULL THEN 'unknown-patient' WHEN times > 1 THEN 'duplicate-key' END;
CREATE TABLE stammdaten AS
SELECT r.* EXCLUDE (dx), p.dx, p.patient, why_out(r.pat, p.times) AS gone FROM roster_row r LEFT JOIN person p USING (pat);
DROP TABLE roster_row;
CREATE TABLE labor AS
SELECT r."row", p.pat, p.patient, why_out(p.pat, p.times) AS gone, date_diff('day', p.dx, dated(clean(Abnahmedatum))) AS day,
    pseudonym(clean(PatNr)) IS NOT NULL AS keyed, clean(Abnahmedatum) AS "Abnahmedatum",
    clean("Leukozyten (Gpt/l)") AS "Leukozyten (Gpt/l)", clean(Hb) AS "Hb", clean(Hb_Einheit) AS "Hb_Einheit",
    clean("Thrombozyten (Gpt/l)") AS "Thrombozyten (Gpt/l)", clean("LDH (U/l)") AS "LDH (U/l)",
    clean("Blasten_KM (%)") AS "Blasten_KM (%)", clean("Blasten_PB (%)") AS "Blasten_PB (%)",
    clean("Kreatinin (µmol/l)") AS "Kreatinin (µmol/l)"
FROM delivered('$DATA/labor.csv') r LEFT JOIN person p ON p.pat = pseudonym(clean(r.PatNr));
CREATE TABLE molekular AS
SELECT r."row", p.pat, p.patient, why_out(p.pat, p.times) AS gone, clean(NPM1) AS "NPM1", clean(FLT3_ITD) AS "FLT3_ITD",
    clean(FLT3_TKD) AS "FLT3_TKD", clean(FLT3_ITD_Ratio) AS "FLT3_ITD_Ratio", clean(CEBPA) AS "CEBPA", clean(Panel) AS "Panel"
FROM delivered('$DATA/molekular.csv') r LEFT JOIN person p ON p.pat = pseudonym(clean(r.PatNr));
CREATE TABLE therapie AS
SELECT r."row", p.pat, p.patient, why_out(p.pat, p.times) AS gone, p.dx, clean(Linie) AS "Linie", clean(Therapie) AS "Therapie",
    clean(Beginn) AS "Beginn", clean(Ende) AS "Ende", clean(Zyklen) AS "Zyklen", clean(Ansprechen) AS "Ansprechen",
    clean(Datum_Ansprechen) AS "Datum_Ansprechen", clean(Bearbeiter) AS "Bearbeiter",
    date_diff('day', p.dx, dated(clean(Beginn))) AS start_day, date_diff('day', p.dx, dated(clean(Ende))) AS end_day,
    date_diff('day', p.dx, dated(clean(Datum_Ansprechen))) AS answered
FROM delivered('$DATA/therapie.csv') r LEFT JOIN person p ON p.pat = pseudonym(clean(r.PatNr));
CREATE TABLE transplantation AS
SELECT r."row", p.pat, p.patient, why_out(p.pat, p.times) AS gone, p.dx, clean(TPL_Datum) AS "TPL_Datum", clean(TPL_Art) AS "TPL_Art",
    clean(Spender) AS "Spender", clean(Status_vor_TPL) AS "Status_vor_TPL",
    date_diff('day', p.dx, dated(clean(TPL_Datum))) AS start_day
FROM delivered('$DATA/transplantation.csv') r LEFT JOIN person p ON p.pat = pseudonym(clean(r.PatNr));

-- measurements: the one wide step, a number a cell
CREATE TABLE number_cell AS
SELECT c.*, m.concept, m.line, m.own, m.unit, m.delivered, m.factor, to_number(regexp_replace(txt, '^(<=|>=|≤|≥|<|>)\s*', '')) AS number,
    replace(replace(nullif(regexp_extract(txt, '^(<=|>=|≤|≥|<|>)', 1), ''), '≤', '<='), '≥', '>=') AS operator
FROM (
    SELECT 'labor' AS tab, "row", pat, patient, gone, day, Hb_Einheit AS given, col, txt FROM labor UNPIVOT (txt FOR col IN (
        "Leukozyten (Gpt/l)", "Hb", "Thrombozyten (Gpt/l)", "LDH (U/l)", "Blasten_KM (%)", "Blasten_PB (%)",
        "Kreatinin (µmol/l)"))
    UNION ALL SELECT 'stammdaten', "row", pat, patient, gone, 0, NULL, 'ECOG', ECOG FROM stammdaten WHERE ECOG IS NOT NULL
    UNION ALL SELECT 'molekular', "row", pat, patient, gone, 0, NULL, 'FLT3_ITD_Ratio', FLT3_ITD_Ratio FROM molekular
        WHERE FLT3_ITD_Ratio IS NOT NULL
) c JOIN measured m USING (col);
CREATE TABLE measurement AS
SELECT *, record('Measurement', md5(pat || chr(31) || concept || chr(31) || part(day) || chr(31) || part(value))) AS id,
    CASE WHEN col <> 'Hb' THEN [tab || ':' || "row" || ':' || col]
         WHEN known THEN ['labor:' || "row" || ':Hb', 'labor:' || "row" || ':Hb_Einheit'] ELSE [] END AS sources,
    CASE WHEN col <> 'Hb' THEN [concepts(own), dictionary(line)]
         WHEN known THEN [concepts(12), concepts(13), dictionary(15), dictionary(16)] ELSE [] END AS mappings,
FROM (
    SELECT tab, "row", col, pat, patient, day, concept, line, own, operator, txt, col <> 'Hb' OR coalesce(given = 'mmol/l', false) AS known,
        CASE WHEN known THEN CASE WHEN factor IS NULL THEN number
            ELSE (number * factor::DECIMAL(20,12))::DECIMAL(18,6) END END AS value,
        CASE WHEN known THEN unit END AS unit,
        CASE WHEN col = 'Hb' THEN CASE WHEN known THEN 'mmol/l' WHEN given IS NOT NULL THEN '?' ELSE NULL END
            ELSE coalesce(delivered, unit) END AS delivered_unit
    FROM number_cell WHERE gone IS NULL AND number IS NOT NULL);
COPY (
    SELECT id, patient, 'demo_aml' AS dataset, concept::BIGINT AS concept, value, operator, NULL::BIGINT AS value_concept, unit,
        txt AS delivered_value, delivered_unit, day, sources, mappings, []::VARCHAR[] AS disputed, []::VARCHAR[] AS flags,
        md5(concat_ws(chr(31), 'Measurement', patient, concept::VARCHAR, part(value), part(operator), '␀', part(unit), txt,
            part(delivered_unit), part(day), '')) AS hash
    FROM measurement) TO '$OUT/records/Measurement.parquet' (FORMAT parquet);

-- patients, diagnoses, risk groups
COPY (
    SELECT patient AS id, patient, 'demo_aml' AS dataset, sex.concept AS sex, age,
        sorted(['stammdaten:' || "row" || ':PatNr', CASE WHEN age IS NOT NULL THEN 'stammdaten:' || "row" || ':Geburtsdatum' END,
            CASE WHEN sex.concept IS NOT NULL THEN 'stammdaten:' || "row" || ':Geschlecht' END]) AS sources,
        sorted([dictionary(2), CASE WHEN age IS NOT NULL THEN dictionary(5) END,
            CASE WHEN sex.concept IS NOT NULL THEN dictionary(6) END, sex.last_line]) AS mappings,
        []::VARCHAR[] AS disputed, []::VARCHAR[] AS flags,
        md5(concat_ws(chr(31), 'Patient', patient, part(sex.concept), part(age), '')) AS hash
    FROM (SELECT *, (date_sub('year', dated(Geburtsdatum), dx))::DECIMAL(18,6) AS age FROM stammdaten WHERE gone IS NULL) s
    LEFT JOIN meaning sex ON sex.col = 'Geschlecht' AND sex.txt = s.Geschlecht
) TO '$OUT/records/Patient.parquet' (FORMAT parquet);
CREATE TABLE diagnosis AS
SELECT "row", patient, concept, last_line, record('Diagnosis', md5(pat || chr(31) || concept || chr(31) || '0')) AS id
FROM stammdaten JOIN meaning ON col = 'AML_Typ' AND txt = AML_Typ WHERE gone IS NULL;
COPY (
    SELECT id, patient, 'demo_aml' AS dataset, concept, 0::BIGINT AS day, ['stammdaten:' || "row" || ':AML_Typ'] AS sources,
        [last_line, dictionary(9)] AS mappings, []::VARCHAR[] AS disputed, []::VARCHAR[] AS flags,
        md5(concat_ws(chr(31), 'Diagnosis', patient, concept::VARCHAR, '0', '')) AS hash
    FROM diagnosis) TO '$OUT/records/Diagnosis.parquet' (FORMAT parquet);
CREATE TABLE risk AS
SELECT "row", patient, concept, last_line, record('RiskGroup', md5(pat || chr(31) || concept || chr(31) || '0')) AS id
FROM stammdaten JOIN meaning ON col = 'ELN_2022' AND txt = ELN_2022 WHERE gone IS NULL;
COPY (
    SELECT id, patient, 'demo_aml' AS dataset, concept, NULL::VARCHAR AS system, NULL::DECIMAL(18,6) AS score, 0::BIGINT AS day,
        ['stammdaten:' || "row" || ':ELN_2022'] AS sources, sorted([last_line, dictionary(11)]) AS mappings,
        []::VARCHAR[] AS disputed, []::VARCHAR[] AS flags,
        md5(concat_ws(chr(31), 'RiskGroup', patient, concept::VARCHAR, '␀', '␀', '0', '')) AS hash
    FROM risk) TO '$OUT/records/RiskGroup.parquet' (FORMAT parquet);

-- treatments and responses
CREATE TABLE treatment AS
SELECT 'therapie' AS tab, "row", pat, patient, m.concepts AS concept, whole(Linie) AS line, start_day, end_day, whole(Zyklen) AS cycles,
    NULL::BIGINT AS disease_state, NULL::BIGINT AS donor,
    sorted([CASE WHEN start_day IS NOT NULL THEN 'therapie:' || "row" || ':Beginn' END,
        CASE WHEN end_day IS NOT NULL THEN 'therapie:' || "row" || ':Ende' END,
        CASE WHEN whole(Linie) IS NOT NULL THEN 'therapie:' || "row" || ':Linie' END, 'therapie:' || "row" || ':Therapie',
        CASE WHEN whole(Zyklen) IS NOT NULL THEN 'therapie:' || "row" || ':Zyklen' END]) AS sources,
    sorted(list_concat(m.lines, [CASE WHEN whole(Linie) IS NOT NULL THEN dictionary(42) END, dictionary(43),
        CASE WHEN start_day IS NOT NULL THEN dictionary(44) END, CASE WHEN end_day IS NOT NULL THEN dictionary(45) END,
        CASE WHEN whole(Zyklen) IS NOT NULL THEN dictionary(46) END])) AS mappings
FROM therapie JOIN meaning m ON m.col = 'Therapie' AND m.txt = Therapie WHERE gone IS NULL
UNION ALL
SELECT 'transplantation', "row", pat, patient, m.concepts, NULL, start_day, NULL, NULL, s.concept, d.concept,
    sorted([CASE WHEN d.concept IS NOT NULL THEN 'transplantation:' || "row" || ':Spender' END,
        CASE WHEN s.concept IS NOT NULL THEN 'transplantation:' || "row" || ':Status_vor_TPL' END,
        'transplantation:' || "row" || ':TPL_Art',
        CASE WHEN start_day IS NOT NULL THEN 'transplantation:' || "row" || ':TPL_Datum' END]),
    sorted([m.last_line, d.last_line, s.last_line, CASE WHEN start_day IS NOT NULL THEN dictionary(51) END, dictionary(52),
        CASE WHEN d.concept IS NOT NULL THEN dictionary(53) END, CASE WHEN s.concept IS NOT NULL THEN dictionary(54) END])
FROM transplantation t JOIN meaning m ON m.col = 'TPL_Art' AND m.txt = TPL_Art
LEFT JOIN meaning d ON d.col = 'Spender' AND d.txt = Spender
LEFT JOIN meaning s ON s.col = 'Status_vor_TPL' AND s.txt = Status_vor_TPL WHERE gone IS NULL;
CREATE TABLE treatment_id AS
SELECT *, record('Treatment', md5(pat || chr(31) || array_to_string(concept, ',') || chr(31) || part(start_day) || chr(31)
    || part(line))) AS id FROM treatment;
COPY (
    SELECT id, patient, 'demo_aml' AS dataset, concept, line, sequence, start_day, end_day, cycles, disease_state, donor,
        NULL::BIGINT AS stop_reason, NULL::VARCHAR AS part_of, sources, mappings, []::VARCHAR[] AS disputed, []::VARCHAR[] AS flags,
        md5(concat_ws(chr(31), 'Treatment', patient, array_to_string(concept, ','), part(line), part(sequence), part(start_day),
            part(end_day), part(cycles), part(disease_state), part(donor), '␀', '␀', '')) AS hash
    FROM (SELECT *, CASE WHEN start_day IS NOT NULL THEN row_number() OVER (
            PARTITION BY patient, start_day IS NULL ORDER BY start_day, id) END AS sequence FROM treatment_id)
) TO '$OUT/records/Treatment.parquet' (FORMAT parquet);
CREATE TABLE response AS
SELECT t."row", t.patient, m.concept, m.last_line, t.answered AS day, r.id AS treatment,
    record('Response', md5(t.pat || chr(31) || m.concept || chr(31) || part(t.answered))) AS id
FROM therapie t JOIN meaning m ON m.col = 'Ansprechen' AND m.txt = Ansprechen
LEFT JOIN treatment_id r ON r.tab = 'therapie' AND r."row" = t."row" WHERE t.gone IS NULL;
COPY (
    SELECT id, patient, 'demo_aml' AS dataset, concept, day, treatment, sources, mappings, []::VARCHAR[] AS disputed, flags,
        md5(concat_ws(chr(31), 'Response', patient, concept::VARCHAR, part(day), part(treatment), '')) AS hash
    FROM (SELECT id, any_value(patient) AS patient, any_value(concept) AS concept, any_value(day) AS day,
            CASE WHEN count(DISTINCT treatment) = 1 THEN max(treatment) END AS treatment,
            list_sort(list('therapie:' || "row" || ':Ansprechen')) AS sources, [any_value(last_line), dictionary(47)] AS mappings,
            sorted([CASE WHEN count(*) > 1 THEN 'duplicate-row' END, CASE count(DISTINCT treatment) WHEN 0 THEN 'link-none'
                WHEN 1 THEN NULL ELSE 'link-several' END]) AS flags
        FROM response GROUP BY id)
) TO '$OUT/records/Response.parquet' (FORMAT parquet);

-- mutations, absences, panels
CREATE TABLE gene_test AS
SELECT c.*, v.concept AS asked, v.gene, v.line, v.own FROM (
    SELECT "row", pat, patient, gone, col, txt FROM molekular UNPIVOT (txt FOR col IN ("NPM1", "FLT3_ITD", "FLT3_TKD", "CEBPA"))
) c JOIN (VALUES ('NPM1', 35948005, 2100001172, 26, 32), ('FLT3_ITD', 2100000022, 2100001095, 27, 33),
    ('FLT3_TKD', 2100000023, 2100001095, 28, 34), ('CEBPA', 35948202, 2100001050, 30, NULL)) AS v(col, concept, gene, line, own) USING (col);
CREATE TABLE mutation AS
SELECT g.*, coalesce(m.concept, asked)::BIGINT AS concept, coalesce(m.last_line, concepts(own)) AS concept_line,
    record('Mutation', md5(pat || chr(31) || coalesce(m.concept, asked) || chr(31) || concat_ws(chr(31), '␀', '␀', '␀', '␀'))) AS id
FROM gene_test g LEFT JOIN meaning m ON m.col = 'CEBPA' AND g.col = 'CEBPA' AND m.txt = g.txt
WHERE gone IS NULL AND (g.txt = 'pos' OR g.txt IN ('mono', 'bi') AND g.col = 'CEBPA');
COPY (
    SELECT id, patient, 'demo_aml' AS dataset, concept, gene::BIGINT AS gene, NULL::VARCHAR AS variant, NULL::VARCHAR AS hgvs_c,
        NULL::VARCHAR AS hgvs_p, NULL::DECIMAL(18,6) AS vaf, NULL::BIGINT AS depth, NULL::BIGINT AS consequence,
        NULL::BIGINT AS significance, NULL::VARCHAR AS genome_build, NULL::VARCHAR AS chromosome, NULL::BIGINT AS position,
        NULL::VARCHAR AS ref, NULL::VARCHAR AS alt, NULL::BIGINT AS length, 0::BIGINT AS day,
        ['molekular:' || "row" || ':' || col] AS sources, [concept_line, dictionary(line)] AS mappings,
        []::VARCHAR[] AS disputed, []::VARCHAR[] AS flags,
        md5(concat_ws(chr(31), 'Mutation', patient, concept::VARCHAR, gene::VARCHAR, '␀', '␀', '␀', '␀', '␀', '␀', '␀', '␀', '␀', '␀',
            '␀', '␀', '␀', '0', '')) AS hash
    FROM mutation) TO '$OUT/records/Mutation.parquet' (FORMAT parquet);
CREATE TABLE tested AS
SELECT patient, covers, md5('Panel' || chr(31) || array_to_string(covers, ',')) AS panel FROM (
    SELECT patient, list_sort(list_distinct(flatten(list(tests)))) AS covers FROM (
        SELECT patient, [asked::BIGINT] AS tests FROM gene_test
        WHERE gone IS NULL AND (txt IN ('pos', 'neg') AND col <> 'CEBPA' OR col = 'CEBPA' AND txt IN ('mono', 'bi', 'wt'))
        UNION ALL SELECT patient, [concept] FROM mutation WHERE concept <> asked)
    GROUP BY patient);
COPY (SELECT patient, panel, 0::BIGINT AS day FROM tested) TO '$OUT/records/tested.parquet' (FORMAT parquet);
COPY (SELECT panel AS id, any_value(covers) AS covers FROM tested GROUP BY panel) TO '$OUT/records/Panel.parquet' (FORMAT parquet);

-- source cells
CREATE TABLE line_of AS FROM (VALUES
    ('Geburtsdatum', 5), ('Geschlecht', 6), ('AML_Typ', 9), ('ELN_2022', 11), ('Hb_Einheit', 16), ('Linie', 42), ('Therapie', 43),
    ('Beginn', 44), ('Ende', 45), ('Zyklen', 46), ('Ansprechen', 47), ('TPL_Datum', 51), ('TPL_Art', 52), ('Spender', 53),
    ('Status_vor_TPL', 54)) AS l(col, line);
COPY (
    SELECT tab AS "table", 'demo_aml/' || tab || '.csv' AS file, "row", col AS "column", field, mappings, cls AS "class", record_id FROM (
        SELECT tab, "row", col, 'value' AS field, [dictionary(line), concepts(own)] AS mappings, 'Measurement' AS cls, id AS record_id
            FROM measurement WHERE known
        UNION ALL SELECT 'labor', "row", 'Hb_Einheit', 'value', [dictionary(16), concepts(13)], 'Measurement', id FROM measurement
            WHERE col = 'Hb' AND known
        UNION ALL SELECT 'stammdaten', "row", 'PatNr', 'patient', [dictionary(2)], 'Patient', patient FROM stammdaten WHERE gone IS NULL
        UNION ALL SELECT 'stammdaten', "row", 'Geburtsdatum', 'age', [dictionary(5)], 'Patient', patient FROM stammdaten
            WHERE gone IS NULL AND dated(Geburtsdatum) IS NOT NULL AND dx IS NOT NULL
        UNION ALL SELECT 'stammdaten', "row", 'Geschlecht', 'sex', [dictionary(6), last_line], 'Patient', patient
            FROM stammdaten JOIN meaning ON col = 'Geschlecht' AND txt = Geschlecht WHERE gone IS NULL
        UNION ALL SELECT 'stammdaten', "row", 'AML_Typ', 'concept', [dictionary(9), last_line], 'Diagnosis', id FROM diagnosis
        UNION ALL SELECT 'stammdaten', "row", 'ELN_2022', 'concept', [dictionary(11), last_line], 'RiskGroup', id FROM risk
        UNION ALL SELECT 'molekular', "row", col, CASE col WHEN 'CEBPA' THEN 'concept' ELSE 'present' END,
            [dictionary(line), concept_line], 'Mutation', id FROM mutation
        UNION ALL SELECT 'therapie', "row", 'Ansprechen', 'concept', [dictionary(47), last_line], 'Response', id FROM response
        UNION ALL SELECT 'therapie', t."row", 'Therapie', 'concept', list_concat([dictionary(43)], m.lines), 'Treatment', id
            FROM treatment_id t JOIN therapie r USING ("row") JOIN meaning m ON m.col = 'Therapie' AND m.txt = r.Therapie
            WHERE t.tab = 'therapie'
        UNION ALL SELECT 'therapie', "row", 'Linie', 'line', [dictionary(42)], 'Treatment', id FROM treatment_id WHERE line IS NOT NULL
        UNION ALL SELECT 'therapie', "row", 'Beginn', 'start_day', [dictionary(44)], 'Treatment', id FROM treatment_id
            WHERE tab = 'therapie' AND start_day IS NOT NULL
        UNION ALL SELECT 'therapie', "row", 'Ende', 'end_day', [dictionary(45)], 'Treatment', id FROM treatment_id WHERE end_day IS NOT NULL
        UNION ALL SELECT 'therapie', "row", 'Zyklen', 'cycles', [dictionary(46)], 'Treatment', id FROM treatment_id WHERE cycles IS NOT NULL
        UNION ALL SELECT 'transplantation', t."row", l.col, l.field, list_concat([dictionary(l.line)], coalesce(m.lines, [])), 'Treatment', id
            FROM treatment_id t JOIN transplantation r USING ("row")
            CROSS JOIN LATERAL (VALUES ('TPL_Datum', 'start_day', 51, r.TPL_Datum), ('TPL_Art', 'concept', 52, r.TPL_Art),
                ('Spender', 'donor', 53, r.Spender), ('Status_vor_TPL', 'disease_state', 54, r.Status_vor_TPL)) AS l(col, field, line, txt)
            LEFT JOIN meaning m ON m.col = l.col AND m.txt = l.txt
            WHERE t.tab = 'transplantation' AND (m.concept IS NOT NULL OR l.col = 'TPL_Datum' AND t.start_day IS NOT NULL))
) TO '$OUT/sources.parquet' (FORMAT parquet);

-- how every filled cell ended: loaded, by the first line that speaks for it, or not, by the last
CREATE TABLE ended AS
SELECT tab, col, "row", CASE WHEN why = '' THEN 'loaded' ELSE 'quarantined' END AS fate, why AS reason,
    CASE WHEN why = '' THEN dictionary(line) ELSE coalesce(last_line, dictionary(line)) END AS rule
FROM (
    SELECT tab, col, "row", line, concepts(own) AS last_line,
        CASE WHEN gone IS NOT NULL THEN gone WHEN number IS NULL THEN 'unreadable-number'
            WHEN col = 'Hb' AND given IS DISTINCT FROM 'mmol/l' THEN 'unknown-unit' ELSE '' END AS why FROM number_cell
    UNION ALL SELECT 'labor', 'Hb_Einheit', "row", 16, CASE WHEN Hb_Einheit = 'mmol/l' THEN concepts(13) END,
        CASE WHEN gone IS NOT NULL THEN gone WHEN Hb_Einheit <> 'mmol/l' THEN 'unknown-unit' WHEN Hb IS NULL THEN 'no-lead'
            WHEN to_number(Hb) IS NULL THEN 'unreadable-lead' ELSE '' END FROM labor WHERE Hb_Einheit IS NOT NULL
    UNION ALL SELECT 'molekular', g.col, "row", g.line, coalesce(m.last_line, concepts(own)),
        coalesce(gone, CASE WHEN m.txt IS NULL AND (g.col = 'CEBPA' OR g.txt NOT IN ('pos', 'neg')) THEN 'unmapped' ELSE '' END)
        FROM gene_test g LEFT JOIN (SELECT col, txt, CASE txt WHEN 'wt' THEN concepts(39) ELSE last_line END AS last_line FROM meaning) m
            ON m.col = g.col AND m.txt = g.txt
    UNION ALL SELECT 'stammdaten', 'Geburtsdatum', "row", 5, NULL, coalesce(gone, CASE WHEN dated(Geburtsdatum) IS NULL
        THEN 'unreadable-date' WHEN dx IS NULL THEN 'no-clock' ELSE '' END) FROM stammdaten WHERE Geburtsdatum IS NOT NULL
    UNION ALL SELECT tab, l.col, "row", l.line, m.last_line,
        coalesce(gone, CASE WHEN m.txt IS NULL THEN 'unmapped' WHEN lead = 0 THEN 'no-lead' WHEN lead = 1 THEN 'unreadable-lead' ELSE '' END)
        FROM (
            SELECT 'stammdaten' AS tab, "row", gone, 2 AS lead, col, txt FROM stammdaten UNPIVOT (txt FOR col IN ("Geschlecht", "AML_Typ", "ELN_2022"))
            UNION ALL SELECT 'therapie', "row", gone, 2, col, txt FROM therapie UNPIVOT (txt FOR col IN ("Therapie", "Ansprechen"))
            UNION ALL SELECT 'transplantation', "row", gone, CASE WHEN col = 'TPL_Art' THEN 2 ELSE lead END, col, txt FROM (
                SELECT *, CASE WHEN TPL_Art IS NULL THEN 0 WHEN TPL_Art NOT IN ('allogen', 'haplo') THEN 1 ELSE 2 END AS lead
                FROM transplantation) UNPIVOT (txt FOR col IN ("TPL_Art", "Spender", "Status_vor_TPL"))
        ) c JOIN line_of l USING (col) LEFT JOIN meaning m ON m.col = c.col AND m.txt = c.txt
    UNION ALL SELECT tab, c.col, "row", line, NULL, coalesce(gone, CASE WHEN NOT ok THEN fault WHEN lead = 0 THEN 'no-lead'
            WHEN lead = 1 THEN 'unreadable-lead' ELSE '' END)
        FROM (
            SELECT 'therapie' AS tab, t."row", gone, CASE WHEN Therapie IS NULL THEN 0 WHEN m.txt IS NULL THEN 1 ELSE 2 END AS lead,
                unnest([
                    {col: 'Linie', filled: Linie IS NOT NULL, ok: whole(Linie) IS NOT NULL, fault: 'unreadable-number'},
                    {col: 'Zyklen', filled: Zyklen IS NOT NULL, ok: whole(Zyklen) IS NOT NULL, fault: 'unreadable-number'},
                    {col: 'Beginn', filled: Beginn IS NOT NULL, ok: start_day IS NOT NULL,
                        fault: CASE WHEN dated(Beginn) IS NULL THEN 'unreadable-date' ELSE 'no-clock' END},
                    {col: 'Ende', filled: Ende IS NOT NULL, ok: end_day IS NOT NULL,
                        fault: CASE WHEN dated(Ende) IS NULL THEN 'unreadable-date' ELSE 'no-clock' END}], max_depth := 2)
            FROM therapie t LEFT JOIN meaning m ON m.col = 'Therapie' AND m.txt = Therapie
            UNION ALL SELECT 'transplantation', "row", gone,
                CASE WHEN TPL_Art IS NULL THEN 0 WHEN TPL_Art NOT IN ('allogen', 'haplo') THEN 1 ELSE 2 END, 'TPL_Datum',
                TPL_Datum IS NOT NULL, start_day IS NOT NULL,
                CASE WHEN dated(TPL_Datum) IS NULL THEN 'unreadable-date' ELSE 'no-clock' END FROM transplantation
        ) c JOIN line_of USING (col) WHERE filled);
CREATE TABLE fate AS
FROM ended
UNION ALL SELECT tab, 'PatNr', "row", CASE WHEN gone IS NULL THEN 'loaded' ELSE 'quarantined' END, coalesce(gone, ''), dictionary(line)
    FROM (SELECT 'stammdaten' AS tab, "row", gone, 2 AS line FROM stammdaten UNION ALL SELECT 'labor', "row", gone, 12 FROM labor
        UNION ALL SELECT 'molekular', "row", gone, 25 FROM molekular UNION ALL SELECT 'therapie', "row", gone, 41 FROM therapie
        UNION ALL SELECT 'transplantation', "row", gone, 50 FROM transplantation)
UNION ALL SELECT 'stammdaten', 'Station', "row", 'ignored', 'ignore', dictionary(7) FROM stammdaten WHERE Station IS NOT NULL
UNION ALL SELECT 'therapie', 'Bearbeiter', "row", 'ignored', 'ignore', dictionary(49) FROM therapie WHERE Bearbeiter IS NOT NULL
UNION ALL SELECT 'molekular', 'Panel', "row", CASE WHEN gone IS NULL THEN 'ignored' ELSE 'quarantined' END, coalesce(gone, 'context-unused'),
    dictionary(31) FROM molekular WHERE Panel IS NOT NULL
-- a context cell shares the best fate of those that it serves
UNION ALL SELECT tab, col, "row", best.fate, best.reason, best.rule FROM (
    SELECT tab, col, "row", CASE
        WHEN bad AND gone IS NULL THEN {fate: 'quarantined', reason: 'unreadable-date', rule: coalesce(b.rule, dictionary(line))}
        WHEN b.fate IS NOT NULL THEN {fate: b.fate, reason: b.reason, rule: b.rule}
        WHEN gone IS NOT NULL THEN {fate: 'quarantined', reason: gone, rule: dictionary(line)}
        ELSE {fate: 'ignored', reason: 'context-unused', rule: dictionary(line)} END AS best
    FROM (
        SELECT 'labor' AS tab, 'Abnahmedatum' AS col, 13 AS line, "row", gone, dated(Abnahmedatum) IS NULL AS bad FROM labor
            WHERE Abnahmedatum IS NOT NULL
        UNION ALL SELECT 'stammdaten', 'Diagnosedatum', 8, "row", gone, dated(Diagnosedatum) IS NULL FROM stammdaten
            WHERE Diagnosedatum IS NOT NULL
        UNION ALL SELECT 'therapie', 'Datum_Ansprechen', 48, "row", gone, dated(Datum_Ansprechen) IS NULL FROM therapie
            WHERE Datum_Ansprechen IS NOT NULL
    ) c LEFT JOIN (
        SELECT tab, "row", u.fate, u.reason, u.rule FROM (
            SELECT tab, "row", min({rank: fate = 'quarantined', fate: fate, reason: reason, rule: rule}) AS u FROM (
                SELECT tab, "row", fate, reason, rule FROM ended WHERE tab = 'labor' OR tab = 'stammdaten' OR col = 'Ansprechen'
                UNION ALL SELECT 'stammdaten', "row", 'loaded', '', dictionary(2) FROM stammdaten WHERE gone IS NULL)
            GROUP BY ALL)
    ) b USING (tab, "row"));
COPY (SELECT tab AS "table", 'demo_aml/' || tab || '.csv' AS file, "row", col AS "column", fate, reason, rule FROM fate
    WHERE fate = 'quarantined' ORDER BY ALL) TO '$OUT/issues.parquet' (FORMAT parquet);
CREATE TABLE counted AS SELECT tab, col, fate, reason, rule, count(*) AS cells FROM fate GROUP BY ALL;
COPY (
    SELECT tab AS "table", 'demo_aml/' || tab || '.csv' AS file, col AS "column", fate, reason, rule, cells FROM (
        FROM counted
        UNION ALL SELECT tab, col, 'missing', '', dictionary(line), n - coalesce(sum(cells), 0)::BIGINT FROM (
            SELECT 'stammdaten' AS tab, (SELECT count(*) FROM stammdaten) AS n, unnest(['PatNr', NULL, NULL, 'Geburtsdatum', 'Geschlecht',
                'Station', 'Diagnosedatum', 'AML_Typ', 'ECOG', 'ELN_2022']) AS col, unnest(range(2, 12)) AS line
            UNION ALL SELECT 'labor', (SELECT count(*) FROM labor), unnest(['PatNr', 'Abnahmedatum', 'Leukozyten (Gpt/l)', 'Hb', 'Hb_Einheit',
                'Thrombozyten (Gpt/l)', 'LDH (U/l)', 'Blasten_KM (%)', 'Blasten_PB (%)', 'Kreatinin (µmol/l)']), unnest(range(12, 22))
            UNION ALL SELECT 'molekular', (SELECT count(*) FROM molekular), unnest(['PatNr', 'NPM1', 'FLT3_ITD', 'FLT3_TKD', 'FLT3_ITD_Ratio',
                'CEBPA', 'Panel']), unnest(range(25, 32))
            UNION ALL SELECT 'therapie', (SELECT count(*) FROM therapie), unnest(['PatNr', 'Linie', 'Therapie', 'Beginn', 'Ende', 'Zyklen',
                'Ansprechen', 'Datum_Ansprechen', 'Bearbeiter']), unnest(range(41, 50))
            UNION ALL SELECT 'transplantation', (SELECT count(*) FROM transplantation), unnest(['PatNr', 'TPL_Datum', 'TPL_Art', 'Spender',
                'Status_vor_TPL']), unnest(range(50, 55))
        ) LEFT JOIN counted USING (tab, col) WHERE col IS NOT NULL GROUP BY tab, col, line, n HAVING n > coalesce(sum(cells), 0)
        UNION ALL SELECT 'stammdaten', unnest(['Nachname', 'Vorname']), 'dropped', 'drop', dictionary(unnest([3, 4])),
            (SELECT count(*) FROM stammdaten))
) TO '$OUT/ledger.parquet' (FORMAT parquet);
