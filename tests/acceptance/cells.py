"""Which acceptance tests run on the real servers too, and what each proves there.

Every test that takes the fixture ``lake`` runs on the embedded pipeline. Most of what the suite
asserts is decided before a sink sees it, by code that every pipeline shares: dialect, encoding,
inference, options. Repeating that on servers proves nothing new. A test is in ``ON_SERVERS`` where
the object store, the catalog or the sink's own statements could make the answer another one.

``test_cells.py`` holds that every test of the specification is either here or in
``NOT_ON_SERVERS`` with its reason.
"""

from __future__ import annotations

from dataclasses import dataclass

ICEBERG, TRINO = "s3-iceberg", "s3-trino"
SINKS = (ICEBERG, TRINO)


@dataclass(frozen=True, slots=True)
class Cells:
    """The server lakes that a test runs on besides the embedded one."""

    proves: str
    """What is seen there and not on the embedded pipeline."""
    lakes: tuple[str, ...] = SINKS
    only: tuple[str, ...] = ()
    """Ids of the test's other parameters; all of them where empty."""


def source(proves: str) -> Cells:
    """About the object store alone, which is the same one for both sinks."""
    return Cells(proves, (ICEBERG,))


def rest(proves: str, trino: str) -> Cells:
    """On the sink `iceberg` over REST; ``trino`` names what proves it of the other sink."""
    return Cells(f"{proves}; on Trino: {trino}", (ICEBERG,))


def statements(proves: str) -> Cells:
    """About the statements of SQL that only the sink `trino` sends.

    What the sink `iceberg` writes is decided by the code that the embedded pipeline runs too, and
    the catalog and the store behind it are seen by the tests beside this one and by ``e2e``.
    """
    return Cells(proves, (TRINO,))


ON_SERVERS = {
    # test_acceptance_criteria.py
    "test_ac_2_an_uploaded_file_becomes_a_queryable_table": Cells("object to table, end to end"),
    "test_ac_3_the_schema_matches_the_data": Cells("each type made, filled and read back"),
    "test_ac_4_identical_content_is_skipped": Cells("ETags of the store in the sink's registry"),
    "test_ac_5_changed_content_replaces_the_old": Cells("the sink's own way of replacing rows"),
    "test_ac_6_files_of_a_folder_share_a_table": Cells("several files in the sink's one commit"),
    "test_ac_7_added_columns_lose_no_data": Cells("ALTER TABLE, and its twin in the catalog"),
    "test_ac_7_a_file_without_a_column_of_the_table_loads_null_there": Cells(
        "a column left out of the sink's statement"
    ),
    "test_ac_8_the_delimiter_is_detected": Cells(
        "quotes, delimiters and line breaks inside texts reach the table whole", only=("comma",)
    ),
    "test_ac_9_audit_columns_are_in_every_row": Cells("3,000 rows: several statements of SQL"),
    "test_ac_11_the_registry_holds_every_processed_file": Cells("the sink's own registry"),
    "test_ac_11_every_run_has_an_id_of_its_own": Cells("the sink's own registry"),
    "test_ac_12_a_table_of_another_pipeline_stays_as_it_is": Cells("no statement reaches it"),
    "test_ac_13_a_file_above_100_mb_warns_and_loads": Cells("100 MB out of the store and in again"),
    "test_ac_14_an_empty_source_is_no_error": Cells("an empty bucket, no namespace yet"),
    "test_ac_15_table_names_are_sanitised": Cells("the catalog and SQL take the name"),
    # test_failure_scenarios.py
    "test_row_no_header_fails_the_file_and_is_recorded": Cells(
        "the sink records a failure where it has no table yet"
    ),
    "test_row_inconsistent_column_count_skips_the_rows_and_names_their_lines": Cells(
        "the sink's own table of rejects"
    ),
    "test_row_inconsistent_column_count_many_rows_stay_one_warning": statements(
        "400 rejects: several statements of SQL"
    ),
    "test_row_non_utf_8_encoding_is_detected": Cells("texts beyond ASCII in statements of SQL"),
    "test_row_conflicting_schemas_in_one_folder": Cells(
        "a new column and a misfit in one commit, against types read from the catalog"
    ),
    # test_formats.py
    "test_formats_replace_evolve_and_a_b_a": statements(
        "members of archives and typed columns in the sink's one commit"
    ),
    "test_formats_nested_columns": Cells("struct, list and map in the catalog; JSON through SQL"),
    # test_functional_requirements.py
    "test_fr_2_new_and_modified_files_are_noticed": rest("the store's ETags", "AC-4 and AC-5"),
    "test_fr_2_only_csv_files_are_taken": source("the store's listing"),
    "test_fr_3_the_first_folder_is_the_table": source("keys of the store"),
    "test_fr_6_namespace_and_table_are_created": Cells("CREATE SCHEMA and CREATE TABLE"),
    "test_fr_7_new_columns_are_added": rest("a column in the catalog", "AC-7"),
    "test_fr_8_a_file_replaces_its_own_rows_only": Cells("what the sink says that it deleted"),
    "test_fr_9_one_files_failure_stops_no_other": rest(
        "some files of a commit left out", "`conflict_fail_spares`"
    ),
    "test_fr_10_the_registry_is_a_table_with_the_specifications_columns_first": Cells(
        "the registry as the sink makes it"
    ),
    "test_fr_10_unchanged_content_is_not_ingested_again_even_when_touched": rest(
        "the store's ETags, and no snapshot in the catalog", "AC-4 and NFR-2"
    ),
    "test_fr_12_audit_columns_are_in_every_row": rest(
        "types and times as the sink writes them", "AC-9"
    ),
    "test_fr_13_large_files_warn_and_load": source("sizes of the store's listing"),
    "test_nfr_1_a_scan_of_1000_objects_takes_less_than_10_seconds": rest(
        "pages of the store's listing beside the sink's registry", "AC-4 reads it"
    ),
    "test_nfr_2_a_repeated_run_changes_nothing": statements(
        "no snapshot in the catalog, though statements ask"
    ),
    "test_nfr_3_the_table_sales_is_never_touched": rest("no commit reaches it", "AC-12"),
    "test_nfr_5_table_names_are_sanitised": Cells(
        "the catalog and SQL take a name that starts with an underscore",
        only=("9lives-_9lives", "_private-_private"),
    ),
    # test_schema_conflicts.py
    "test_schema_conflict_of_two_types_in_two_runs": Cells(
        "the one type that is widened in place, and the one with a precision",
        only=("INTEGER", "TIMESTAMP"),
    ),
    "test_schema_conflict_is_repaired_as_if_both_files_had_come_at_once": Cells(
        "the sink's own way of replacing a table", only=("INTEGER",)
    ),
    "test_schema_rows_stand_for_files_that_are_gone": Cells("rows read back through the sink"),
    "test_schema_widening_keeps_old_rows_and_takes_new_ones": Cells("ALTER COLUMN"),
    "test_schema_conflict_fail_spares_the_other_files": statements(
        "some files of a commit left out"
    ),
    "test_schema_freeze_refuses_new_columns_and_changes_nothing": statements("no ALTER TABLE"),
    "test_schema_evolution_and_widening_and_replacement_are_one_commit": Cells(
        "what a reader of the catalog sees between two statements"
    ),
    # test_versions.py: what is kept about a file is in the sink
    "test_versions_a_b_a_ends_as_a": statements("the sink's registry over three versions"),
    "test_versions_a_dropped_table_is_loaded_again": Cells("a table gone from the catalog"),
    "test_versions_rejects_of_replaced_versions_are_gone": rest(
        "the sink's own deletion", "`rejects_are_replaced_with_their_version` in e2e"
    ),
    "test_versions_a_failed_new_version_leaves_the_old_rows_and_their_rejects": statements(
        "rows and rejects of the version before"
    ),
    "test_versions_files_of_one_table_are_committed_together": rest(
        "one snapshot", "`files_that_come_together_are_replaced_together` in e2e"
    ),
    "test_versions_replacing_two_files_keeps_the_third": rest(
        "one commit for two keys", "`files_that_come_together_are_replaced_together` in e2e"
    ),
    "test_versions_a_deleted_file_keeps_its_rows": source("an object gone from the listing"),
    "test_versions_forget_deletes_a_files_rows_and_what_is_known_of_it": Cells(
        "rows, rejects and registry, each deleted the sink's way"
    ),
    "test_versions_forget_makes_a_file_that_is_still_there_pending": rest(
        "the sink's registry", "`forgotten_files_are_gone` of the contract in e2e"
    ),
    "test_versions_retry_tries_a_permanent_failure_again": rest(
        "the sink's registry", "`released_and_failed_files` in e2e"
    ),
    "test_versions_registry_rebuild_restores_what_is_in_the_tables": statements(
        "ETags found again in what the sink left in the catalog"
    ),
    "test_versions_a_lost_registry_never_doubles_rows": rest(
        "the sink's own way of replacing",
        "`what_was_loaded_but_not_recorded_is_loaded_again` in e2e",
    ),
    "test_versions_rebuild_is_the_way_out_of_a_wrong_type": rest(
        "a table made anew in place of another",
        "`rebuilding_swaps_columns_and_rows_in_one_commit` in e2e",
    ),
    "test_versions_a_dry_run_changes_nothing": Cells("no namespace and no table in the catalog"),
    # test_yaml_changes.py
    "test_yaml_include": source("prefixes of the store's listing"),
    "test_yaml_max_files_per_run_takes_the_oldest_first": source("the store's times"),
    "test_yaml_a_permanent_failure_is_tried_again_when_the_options_change": Cells(
        "the options' digest in the sink's registry"
    ),
    "test_yaml_what_was_rejected_gets_a_second_chance": statements(
        "rejects read from the sink, and replaced there"
    ),
    # test_cli_contract.py
    "test_cli_run_json_prints_nothing_else_on_stdout": Cells("libraries that speak to servers"),
    "test_cli_rejects_json": statements("rejects as the sink keeps them"),
    "test_cli_query_json": source("files of the store behind the engine"),
    "test_cli_query_json_dates_times_and_odd_values": source("files of the store"),
    "test_cli_query_takes_names_with_and_without_namespace": source("another namespace"),
    "test_cli_status_shows_the_latest_state_of_every_file": statements("the sink's registry"),
    "test_cli_plan_shows_dialect_types_evidence_change_and_rows_replaced": statements(
        "types and numbers of rows as the sink describes them"
    ),
    # test_unusual_input.py
    "test_unusual_header_only_is_a_table_without_rows": statements("a table without an INSERT"),
    "test_unusual_header_only_replaces_the_rows_of_the_version_before": statements(
        "a replacement without an INSERT"
    ),
    "test_unusual_mixed_line_ends_inside_quotes_stay_as_they_are": statements("texts in SQL"),
    "test_unusual_gz_and_zst_files_are_loaded": source("compressed objects"),
    "test_unusual_damaged_gz_fails": source("compressed objects that are damaged"),
    "test_unusual_300_character_headers_are_loaded": statements("how long a name may be"),
    "test_unusual_2000_columns_are_loaded": statements("how long a statement may be"),
    "test_unusual_5_mb_cell_is_loaded": statements("how long a statement may be"),
    "test_unusual_key_at_the_root_is_skipped_with_a_warning": source("keys without a folder"),
    "test_unusual_key_with_odd_characters_is_loaded": Cells("keys in requests and statements"),
    "test_unusual_cache_folder_named_like_a_partition_adds_no_column": statements(
        "the sink reads the converted files from there"
    ),
    "test_unusual_text_without_an_upper_bound_loads": statements(
        "bounds as the server writes them"
    ),
    "test_unusual_second_source_loads_its_own_files": source("a folder beside a bucket"),
    # test_values.py
    "test_value_law": Cells(
        "the extremes of each type, NULL and the empty text as statements of SQL store them; each "
        "type of the sink `iceberg` over REST: `test_types.py` in e2e",
        lakes=(TRINO,),
        only=(
            "2-31 minus 1 is an integer",
            "2-63 minus 1 is a bigint",
            "beyond 2-53 is exact in bigint",
            "2-53 is a double",
            "exponents are doubles",
            "20-digit integers are text",
            "0 and 1 are boolean",
            "ambiguous dates follow the configured order",
            "an offset reaches over the year",
            "six fractional digits",
            "hour 25 is no time",
            "in text only the empty field and backslash N are NULL",
            "nulls take no part in the threshold",
        ),
    ),
    "test_value_ambiguous_dates_keep_the_tables_choice_under_another_order": statements(
        "the choice kept in the table's comments"
    ),
    "test_value_quoted_empty_in_varchar_is_the_empty_text": statements("the empty text in SQL"),
    "test_value_an_existing_varchar_column_gets_the_original_text": statements(
        "types as the server describes them"
    ),
    "test_value_an_existing_type_governs_strictly": statements(
        "types as the server describes them"
    ),
}

NOT_ON_SERVERS = {
    "test_row_inconsistent_column_count_after_quoted_line_breaks": "lines are counted by the "
    "reader; rejects in the sinks: the rows beside this one",
    "test_row_undetectable_encoding_fails_the_file": "the sniffer decides; a failure in the sinks' "
    "registry: `no_header`",
    "test_fr_4_the_delimiter_is_detected": "the sniffer decides; AC-8 has it on both sinks",
    "test_fr_5_types_are_inferred": "the inferer decides; AC-3 has each type on both sinks, and "
    "the value laws their extremes",
    "test_nfr_4_the_sample_proposes_and_all_rows_decide": "the inferer decides",
    "test_nfr_4_ambiguous_columns_fall_back_to_varchar": "the inferer decides",
}
"""Tests of the specification whose answer the servers cannot change."""
