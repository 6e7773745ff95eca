import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'

export interface MigrationFolder {
  readonly module: string
  readonly dir: string
}

interface Migration {
  readonly module: string
  readonly name: string
  readonly text: string
  readonly checksum: string
}

const path = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url))

/** The kernel's folder, then those of the modules in the order given, which is their rank. */
export const moduleFolders = (names: readonly string[]): MigrationFolder[] => [
  { module: 'kernel', dir: path('../migrations') },
  ...names.map(module => ({ module, dir: path(`../../modules/${module}/migrations`) })),
]

const LOCK = 7_420_001

export function listMigrations(folders: readonly MigrationFolder[]): Migration[] {
  return folders.flatMap(({ module, dir }) =>
    existsSync(dir)
      ? readdirSync(dir)
          .filter(name => name.endsWith('.sql'))
          .sort()
          .map(name => {
            const text = readFileSync(join(dir, name), 'utf8')
            return { module, name, text, checksum: createHash('sha256').update(text).digest('hex') }
          })
      : [],
  )
}

/**
 * Runs what is missing, each in a transaction of its own, in module rank order; forward only.
 * A file that was changed after it ran is refused: the database and the tree would disagree.
 * Returns the names that ran.
 */
export async function migrate(url: string, folders: readonly MigrationFolder[]): Promise<string[]> {
  const client = new pg.Client({ connectionString: url, application_name: 'yimen migrate' })
  await client.connect()
  const ran: string[] = []
  try {
    await client.query('select pg_advisory_lock($1)', [LOCK])
    await client.query(`create schema if not exists kernel`)
    await client.query(`create table if not exists kernel.migration (
      module text not null, name text not null, checksum text not null, applied_at timestamptz not null, primary key (module, name))`)
    await client.query(`comment on table kernel.migration is 'reference: which migrations ran, with the checksum of their text'`)
    const { rows } = await client.query<{ module: string; name: string; checksum: string }>(
      'select module, name, checksum from kernel.migration',
    )
    const known = new Map(rows.map(row => [`${row.module}/${row.name}`, row.checksum]))
    for (const migration of listMigrations(folders)) {
      const id = `${migration.module}/${migration.name}`
      const before = known.get(id)
      if (before === migration.checksum) continue
      if (before !== undefined) throw new Error(`migration ${id} was changed after it ran; write a new one instead`)
      await client.query('begin')
      try {
        await client.query(migration.text)
        await client.query('insert into kernel.migration values ($1, $2, $3, $4)', [
          migration.module,
          migration.name,
          migration.checksum,
          new Date(),
        ])
        await client.query('commit')
      } catch (error) {
        await client.query('rollback')
        throw new Error(`migration ${id} failed: ${(error as Error).message}`, { cause: error })
      }
      ran.push(id)
    }
  } finally {
    await client.end()
  }
  return ran
}
