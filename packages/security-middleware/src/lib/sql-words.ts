import { WordTable } from './word-table.ts'

/** The kinds a SQL token can have; a word's kind comes from {@link sqlWords}. */
export const Sql = {
  end: 0,
  number: 1,
  string: 2,
  word: 3,
  variable: 4,
  open: 5,
  close: 6,
  comma: 7,
  semicolon: 8,
  /** Arithmetic and bitwise operators, `||` among them where it joins strings. */
  operator: 9,
  /** `=`, `<`, `like`, `in`, `is`, … */
  compare: 10,
  /** `and`, `or`, `xor`, `&&`, `||`. */
  logic: 11,
  /** A comment that hides the rest. */
  comment: 12,
  union: 13,
  select: 14,
  /** `insert`, `drop`, `exec`, …: begins a statement. */
  statement: 15,
  /** `from`, `where`, `into`, `as`, … */
  clause: 16,
  /** `order`, `group`: with `by`. */
  by: 17,
  /** `not`, `binary`, `all`, `distinct`, `exists`, `any`, …: stands before an operand. */
  prefix: 18,
  /** `null`, `true`, `false`, `current_user`, … */
  literal: 19,
  /** Functions that mean little by themselves. */
  mild: 20,
  /** Functions and names that hardly occur outside a database and are used to probe one. */
  probe: 21,
  /** Catalogues and system tables. */
  catalogue: 22,
  /** `having`, `limit`, `offset`, `procedure`, `rlike` … as clause openers that injections use. */
  tail: 23,
  /** `case`, `when`, `then`, `else`, `end`. */
  case: 24,
  /** `by`, after {@link Sql.by}. */
  byWord: 25,
  dot: 26,
  /** What SQL has no use for, or a quote that never closes. */
  other: 27,
  /** `waitfor`, `delay`. */
  wait: 28,
  /** `asc`, `desc`, `collate`, `separator`. */
  suffix: 29,
  /** Column types, as in `cast(x as int)`. */
  type: 30,
} as const

/** SQL's vocabulary over the dialects of MySQL, PostgreSQL, SQL Server, Oracle, SQLite, Db2, Firebird and HSQLDB. */
export const sqlWords: WordTable = new WordTable([
  [Sql.logic, 'and or xor div mod'],
  [Sql.compare, 'like in is between rlike regexp ilike glob similar sounds match against overlaps notnull isnull'],
  [Sql.union, 'union intersect except minus'],
  [Sql.select, 'select'],
  [
    Sql.statement,
    'insert update delete drop create alter truncate exec execute declare shutdown grant revoke call replace merge begin handler rename load backup restore kill deallocate prepare commit rollback savepoint attach detach pragma vacuum copy dbcc reconfigure print openrowset opendatasource use desc describe show explain',
  ],
  [
    Sql.clause,
    'from where as into values set on using join inner outer left right full cross natural table database schema trigger view index column user function for with returning outfile dumpfile fields terminated lines enclosed escape infile language top partition over window if add modify to',
  ],
  [Sql.by, 'order group'],
  [Sql.byWord, 'by'],
  [
    Sql.prefix,
    'not binary all distinct distinctrow exists any some unique sql_calc_found_rows straight_join high_priority interval prior',
  ],
  [
    Sql.literal,
    'null true false unknown current_user session_user system_user current_timestamp current_date current_time localtime localtimestamp sysdate rownum rowid',
  ],
  [
    Sql.mild,
    'count sum avg min max upper lower substring substr mid left right length len concat char chr ascii ord hex unhex md5 sha sha1 sha2 cast convert round floor ceiling rand random abs mod coalesce nullif greatest least trim ltrim rtrim replace reverse repeat replicate space if iif ifnull isnull nvl decode date now user database version schema password power sqrt exp log sin cos tan pi sign find_in_set field elt locate instr position make_set export_set row date_add date_sub year month day hour minute second time format encode compress uncompress unicode bin difference stuff uuid quarter collation linestring polygon lpad rpad strcmp conv setval to_number to_char to_date newid regexp_replace currval nextval charindex patindex soundex atan2 char_length character_length json_keys json_length crypt_key',
  ],
  [
    Sql.probe,
    'sleep benchmark pg_sleep pg_sleep_for load_file extractvalue updatexml group_concat concat_ws name_const xmltype xmlelement xmlagg wm_concat listagg string_agg array_agg substring_index utl_inaddr utl_http utl_file dbms_pipe dbms_lock dbms_utility dbms_xmlgen dbms_xmlquery dbms_ldap dbms_java dbms_random user_lock ctxsys httpuritype dblink dblink_connect lo_import lo_export lo_from_bytea pg_read_file pg_ls_dir query_to_xml database_to_xml xp_cmdshell xp_regread xp_regwrite xp_dirtree xp_fileexist xp_subdirs xp_servicecontrol xp_availablemedia xp_enumdsn xp_ntsec_enumdomains xp_loginconfig xp_terminate_process sp_executesql sp_oacreate sp_oamethod sp_configure sp_addextendedproc sp_addlogin sp_addsrvrolemember sp_password sp_makewebtask sp_adduser sp_help sp_who sp_start_job fn_xe_file_target_read_file fn_varbintohexstr fn_get_audit_file fn_trace_gettable openquery generate_series current_setting set_config inet_server_addr inet_server_port current_database is_srvrolemember is_member has_dbaccess host_name suser_name suser_sname user_name db_name object_id object_name col_name schema_name quote_literal nchar octet_length bit_length json_depth json_extract json_extract_path randomblob sqlite_version load_extension fts3_tokenizer get_lock release_lock is_free_lock connection_id last_insert_id row_count aes_encrypt aes_decrypt des_encrypt des_decrypt regexp_substring regexp_substr regexp_like multipoint geometrycollection gtid_subset gtid_subtract st_latfromgeohash st_longfromgeohash st_pointfromgeohash rawtohex hextoraw utl_raw sdo_util drithsx bfilename get_host_address receive_message sqlid_to_sqlhash coercibility inet_aton inet_ntoa weight_string getdate convert_tz from_base64 to_base64 quotename checksum_agg rdb_get_context ascii_char ascii_val substrb pg_user',
  ],
  [
    Sql.catalogue,
    'information_schema sysobjects syscolumns sysusers sysdatabases sysprocesses sysxlogins syslogins sys sysibm syscat sysmaster systables systypes systrans sysdummy1 pg_catalog pg_tables pg_class pg_shadow pg_database pg_namespace pg_attribute pg_stat_activity all_tables all_users all_tab_columns all_tab_cols user_tables user_users user_tab_columns user_objects dba_users dba_tables v$version v$database v$instance dual sqlite_master sqlite_schema sqlite_temp_master msysobjects msysaccessobjects mysql rdb$database rdb$fields rdb$types rdb$collations rdb$functions rdb$relations rdb$relation_fields master..sysdatabases master msdb tempdb table_schema table_name column_name schemata processlist domain.domains domain.columns domain.tables innodb_table_stats',
  ],
  [Sql.tail, 'having limit offset procedure fetch'],
  [Sql.case, 'case when then else end elseif elsif'],
  [Sql.wait, 'waitfor delay'],
  [Sql.suffix, 'asc collate separator'],
  [
    Sql.type,
    'int integer varchar nvarchar varbinary numeric decimal float real text bigint smallint tinyint signed unsigned varchar2 clob blob bytea boolean datetime',
  ],
])
