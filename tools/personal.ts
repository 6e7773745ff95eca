import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import { CLASSES, notPersonal, type PersonalColumns, personalColumns } from '../src/app/personal/index.ts'
import { migrationFolders, startTestServer } from '../src/kernel/db/testing.ts'
import { root } from './root.ts'

/**
 * Holds the catalogue of personal columns against a migrated database: nothing that looks personal is missing, nothing
 * stands in it that is not there, and what is most sensitive is encrypted. `--write` renews docs/reference/personal.md.
 */
const COLUMNS = `
  select n.nspname || '.' || c.relname as "table", a.attname as column, format_type(a.atttypid, a.atttypmod) as type
  from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p') and not c.relispartition and a.attnum > 0 and not a.attisdropped
    and n.nspname !~ '^(pg_|information_schema$|graphile_worker$)'
  order by 1, a.attnum`

/** Words that stand for something of a person, and texts in which anything may stand. */
const WORDS =
  /(^|_)(name|names|holder|payer|person|resident|owner|username|nickname|phone|mobile|tel|telephone|email|mail|address|street|door|openid|unionid|passport|idcard|card|birth|birthday|born|gender|sex|photo|face|voice|plate|ip|password|totp|note|remark)(_|$)/
const NUMBERS = /(^|_)(id_number|id_no|open_id|union_id|account_no|bank_no)(_|$)/
const KINDS = /_(sealed|blind|mask|digest|hash)$/
const FREE_TEXTS = /^(body|bodies|canonical|raw|headers|answer|why|launch|value)$/
/** Ids of our own rows say nothing by themselves; who holds them says it. */
const IDS = /^(person|owner|holder)_id$/

export const looksPersonal = (column: string): boolean =>
  KINDS.test(column) ||
  FREE_TEXTS.test(column) ||
  NUMBERS.test(column) ||
  (WORDS.test(column) && !/^clearing|^payee/.test(column)) ||
  IDS.test(column)

interface Column {
  readonly table: string
  readonly column: string
  readonly type: string
}

/** What is wrong, one line each; empty when the catalogue is whole. */
export async function checkPersonal(
  client: pg.Client,
  catalogue: readonly PersonalColumns[] = personalColumns,
  exempt: Readonly<Record<string, string>> = notPersonal,
): Promise<{ faults: string[]; columns: number }> {
  const columns = (await client.query<Column>(COLUMNS)).rows
  const found = new Map(columns.map(c => [`${c.table}.${c.column}`, c]))
  const declared = new Map<string, PersonalColumns>()
  const faults: string[] = []
  for (const entry of catalogue)
    for (const column of entry.columns.split(' ')) {
      const name = `${entry.table}.${column}`
      if (declared.has(name)) faults.push(`${name}: stands in the catalogue twice`)
      declared.set(name, entry)
      const there = found.get(name)
      if (!there) faults.push(`${name}: in the catalogue and not in the database`)
      else if (entry.level === 3 && there.type !== 'bytea' && !entry.plainBecause)
        faults.push(`${name}: level 3 and ${there.type}, not encrypted`)
      if (exempt[name]) faults.push(`${name}: personal and not personal at once`)
    }
  for (const name of Object.keys(exempt)) if (!found.has(name)) faults.push(`${name}: declared not personal and not there`)
  for (const [name, { column }] of found)
    if (looksPersonal(column) && !declared.has(name) && !exempt[name])
      faults.push(`${name}: looks personal; say what it is in src/app/personal`)
  return { faults, columns: declared.size }
}

/** The catalogue as a page. */
export function renderPersonal(): string {
  const rows = [...personalColumns].sort((a, b) => (a.table < b.table ? -1 : a.table > b.table ? 1 : b.level - a.level))
  const lines = rows.map(
    r =>
      `| \`${r.table}\` | ${r.columns
        .split(' ')
        .map(c => `\`${c}\``)
        .join(', ')} | ${CLASSES[r.class]} (${r.class.replaceAll('_', ' ')}) | ${r.level} | ${r.purpose} | ${r.kept} |`,
  )
  return [
    '# Personal columns',
    '',
    'Written by tools/personal.ts from `src/app/personal`: change it there, then run `node bin/yimen.mjs dev snapshots`.',
    'Level 3 is kept encrypted or as a digest, level 2 points to a person together with other data, level 1 is work data of staff.',
    '',
    '| table | columns | class | level | purpose | kept |',
    '| ----- | ------- | ----- | ----- | ------- | ---- |',
    ...lines,
    '',
  ].join('\n')
}

if (import.meta.main) {
  const file = join(root, 'docs/reference/personal.md')
  if (process.argv.includes('--write')) {
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, renderPersonal())
    process.stdout.write(`${personalColumns.length} groups of personal columns written\n`)
  } else {
    const server = await startTestServer(await migrationFolders())
    try {
      const url = new URL(server.shared.owner)
      url.pathname = `/${server.shared.template}`
      const client = new pg.Client({ connectionString: url.href })
      await client.connect()
      const { faults, columns } = await checkPersonal(client).finally(() => client.end())
      if (!existsSync(file) || readFileSync(file, 'utf8') !== renderPersonal())
        faults.push('docs/reference/personal.md is not what the code says: node bin/yimen.mjs dev snapshots')
      for (const fault of faults) process.stdout.write(`${fault}\n`)
      process.stdout.write(`${faults.length} faults in ${columns} personal columns\n`)
      if (faults.length > 0 || columns === 0) process.exitCode = 1
    } finally {
      await server.stop()
    }
  }
}
