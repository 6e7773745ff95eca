import pg from 'pg'
import { migrationFolders, startTestServer } from '../src/kernel/db/testing.ts'

/**
 * What keeps a table from being spread over machines by tenant, asked of the catalogue of a migrated database.
 * Tables whose comment starts with "reference" are small and copied to every machine, so their keys are free.
 */
const TABLES = `
  select c.oid, n.nspname || '.' || c.relname as name, coalesce(obj_description(c.oid, 'pg_class'), '') as comment,
    c.relrowsecurity as has_rls, c.relispartition as is_part, c.relpersistence = 'u' as is_scratch
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and n.nspname !~ '^(pg_|information_schema$|graphile_worker$)'
  order by 2`
const KEYS = `
  select i.indrelid as oid, x.relname as key, i.indisprimary as is_primary,
    (select a.attname from pg_attribute a where a.attrelid = i.indrelid and a.attnum = i.indkey[0]) as first
  from pg_index i join pg_class x on x.oid = i.indexrelid where i.indisunique`
const REFERENCES = `
  select k.conrelid as oid, k.conname as key, k.confrelid as target,
    (select a.attname from pg_attribute a where a.attrelid = k.conrelid and a.attnum = k.conkey[1]) as first
  from pg_constraint k where k.contype = 'f'`
const OTHERS = `
  select t.tgrelid as oid, 'trigger ' || t.tgname as what from pg_trigger t where not t.tgisinternal
  union all
  select k.conrelid, 'exclusion ' || k.conname from pg_constraint k where k.contype = 'x'
  union all
  select r.ev_class, 'rule ' || r.rulename from pg_rewrite r join pg_class c on c.oid = r.ev_class where c.relkind in ('r', 'p')
  union all
  select d.adrelid, 'computed default of ' || a.attname || ': ' || pg_get_expr(d.adbin, d.adrelid)
  from pg_attrdef d join pg_attribute a on a.attrelid = d.adrelid and a.attnum = d.adnum
  where a.attgenerated = '' and pg_get_expr(d.adbin, d.adrelid) ~* '(now|clock_timestamp|statement_timestamp|random|gen_random_uuid|uuidv7|nextval|current_[a-z]+)\\M'
  union all
  select a.attrelid, 'identity column ' || a.attname from pg_attribute a where a.attidentity <> '' and a.attnum > 0`

/**
 * Tables with a tenant but without forced row security, and why. Everything else must have it: it is the floor beneath the
 * condition every query carries. A name that ends in a dot stands for a schema.
 */
const WITHOUT_RLS: Readonly<Record<string, string>> = {
  'billing.past_stage': 'filled by COPY, which the server refuses on a table with row security; never seen outside one transaction',
  'billing.import_stage': 'filled by COPY, which the server refuses on a table with row security; never seen outside one transaction',
  'trail.pending': 'hot: one insert in every business transaction, by statements without a session setting',
  'payments.': 'hot: one statement confirms a payment, without a session setting; every query names its tenant',
  'ledger.': 'hot: written by the statement that confirms a payment; holds no personal data',
}
const isNamed = (known: string, name: string): boolean => (known.endsWith('.') ? name.startsWith(known) : name === known)
const TENANTS = `
  select c.oid, c.relrowsecurity and c.relforcerowsecurity as is_forced,
    exists (select from pg_policy p where p.polrelid = c.oid and pg_get_expr(p.polqual, p.polrelid) ~ 'tenant_id = .*NULLIF.*yimen.tenant_id') as has_floor
  from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'tenant_id' and a.attnum > 0
  where c.relkind in ('r', 'p') and not c.relispartition`

interface Table {
  oid: number
  name: string
  comment: string
  has_rls: boolean
  is_part: boolean
  is_scratch: boolean
}

export interface ShardReport {
  readonly faults: readonly string[]
  readonly tables: number
  /** Tables of this installation without row level security, for information. */
  readonly withoutRls: readonly string[]
}

/** Reads the catalogue through `client`. */
export async function checkShardable(client: pg.Client): Promise<ShardReport> {
  const ask = async <T>(text: string): Promise<T[]> => (await client.query(text)).rows as T[]
  const tables = await ask<Table>(TABLES)
  const reference = new Set(tables.filter(table => /^reference\b/i.test(table.comment)).map(table => table.oid))
  const spread = new Map(tables.filter(table => !reference.has(table.oid)).map(table => [table.oid, table]))
  const faults: string[] = []
  for (const table of tables) if (!table.is_part && table.comment === '') faults.push(`${table.name}: no comment`)
  const keys = await ask<{ oid: number; key: string; first: string | null; is_primary: boolean }>(KEYS)
  for (const key of keys)
    if (spread.has(key.oid) && key.first !== 'tenant_id')
      faults.push(`${spread.get(key.oid)!.name}: key ${key.key} starts with ${key.first ?? 'an expression'}, not tenant_id`)
  for (const table of spread.values())
    if (!table.is_part && !table.is_scratch && !keys.some(key => key.oid === table.oid && key.is_primary))
      faults.push(`${table.name}: no primary key`)
  for (const key of await ask<{ oid: number; key: string; first: string; target: number }>(REFERENCES)) {
    if (spread.has(key.oid) && !reference.has(key.target) && key.first !== 'tenant_id')
      faults.push(`${spread.get(key.oid)!.name}: foreign key ${key.key} starts with ${key.first}, not tenant_id`)
    if (reference.has(key.oid) && !reference.has(key.target)) faults.push(`${key.key}: a reference table points to a table that is spread`)
  }
  for (const { oid, what } of await ask<{ oid: number; what: string }>(OTHERS))
    if (spread.has(oid)) faults.push(`${spread.get(oid)!.name}: ${what}`)
  for (const { oid, is_forced, has_floor } of await ask<{ oid: number; is_forced: boolean; has_floor: boolean }>(TENANTS)) {
    const table = spread.get(oid)
    if (!table || Object.keys(WITHOUT_RLS).some(known => isNamed(known, table.name))) continue
    if (!is_forced) faults.push(`${table.name}: row security is not forced`)
    else if (!has_floor) faults.push(`${table.name}: no policy keeps it to yimen.tenant_id`)
  }
  for (const known of Object.keys(WITHOUT_RLS))
    if (!tables.some(table => isNamed(known, table.name))) faults.push(`${known}: excepted from row security and not there`)
  return {
    faults,
    tables: tables.length,
    withoutRls: [...spread.values()].filter(table => !table.has_rls && !table.is_part).map(table => table.name),
  }
}

if (import.meta.main) {
  const given = process.env.YIMEN_TEST_SERVER
  const server = given ? undefined : await startTestServer(await migrationFolders())
  try {
    const shared = given ? (JSON.parse(given) as { owner: string; template: string }) : server!.shared
    const url = new URL(shared.owner)
    url.pathname = `/${shared.template}`
    const client = new pg.Client({ connectionString: url.href })
    await client.connect()
    const { faults, tables, withoutRls } = await checkShardable(client).finally(() => client.end())
    for (const fault of faults) process.stdout.write(`${fault}\n`)
    process.stdout.write(`${faults.length} faults in ${tables} tables\nwithout row level security: ${withoutRls.join(', ') || 'none'}\n`)
    if (faults.length > 0 || tables === 0) process.exitCode = 1
  } finally {
    await server?.stop()
  }
}
