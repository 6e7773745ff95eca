import pg from 'pg'
import { ConfigError } from '../config.ts'

/** The three database roles. The owner of the cluster is used for nothing but creating these and the database. */
export const ROLES = ['yimen_migrator', 'yimen_app', 'yimen_sequencer'] as const
export type Role = (typeof ROLES)[number]

export interface Connections {
  readonly migrator: string
  readonly app: string
  readonly sequencer: string
}

const quoteLiteral = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Creates missing roles; with passwords where the server is our own. */
export async function ensureRoles(client: pg.Client, passwords?: Readonly<Record<Role, string>>): Promise<void> {
  // Two starts at once would change the same rows; the lock ends with the connection.
  await client.query("select pg_advisory_lock(hashtext('yimen.roles'))")
  for (const role of ROLES) {
    const { rowCount } = await client.query('select 1 from pg_roles where rolname = $1', [role])
    if (rowCount === 0) await client.query(`create role ${role} nosuperuser nocreatedb nocreaterole`)
    if (passwords) await client.query(`alter role ${role} login password ${quoteLiteral(passwords[role])}`)
    else await client.query(`grant ${role} to current_user`)
  }
}

/** The database belongs to the migrator; the others may only connect. */
export async function ensureDatabase(client: pg.Client, name: string, template?: string): Promise<void> {
  const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name])
  if (rowCount === 0)
    await client.query(
      `create database ${pg.escapeIdentifier(name)} owner yimen_migrator${template ? ` template ${pg.escapeIdentifier(template)}` : ''}`,
    )
  await client.query(`revoke all on database ${pg.escapeIdentifier(name)} from public`)
  await client.query(`grant connect on database ${pg.escapeIdentifier(name)} to yimen_app, yimen_sequencer`)
}

/** Why a database of the operator's own cannot be used; its password is not repeated. */
function noAnswer({ hostname, port, pathname }: URL, { code, message }: NodeJS.ErrnoException): string {
  const place = `${decodeURIComponent(hostname)}${port && `:${port}`}${pathname}`
  const why = code ?? message
  return (
    `DATABASE_URL：连不上数据库 ${place}（${why}），请检查地址、用户和密码，以及数据库是否在运行。 / ` +
    `DATABASE_URL: no connection to the database ${place} (${why}): check address, user and password, and that it is running.`
  )
}

/** A server of somebody else's: one login that is a member of the three roles and takes on the one it needs. */
export async function externalConnections(databaseUrl: string): Promise<Connections> {
  const client = new pg.Client({ connectionString: databaseUrl, connectionTimeoutMillis: 5_000 })
  client.on('error', () => undefined)
  try {
    await client.connect()
  } catch (error) {
    await client.end().catch(() => undefined)
    throw new ConfigError(noAnswer(new URL(databaseUrl), error as NodeJS.ErrnoException))
  }
  try {
    const { rows } = await client.query<{ version: number; name: string }>(
      `select current_setting('server_version_num')::int as version, current_database() as name`,
    )
    const version = rows[0]!.version / 10_000
    if (version < 15)
      throw new ConfigError(
        `DATABASE_URL：需要 PostgreSQL 15 或更新的版本，这个服务器是 ${Math.floor(version)}。 / DATABASE_URL: PostgreSQL 15 or later is needed, the server is ${Math.floor(version)}.`,
      )
    await ensureRoles(client)
    await client.query(`grant create, connect on database ${pg.escapeIdentifier(rows[0]!.name)} to yimen_migrator`)
    await client.query(`grant connect on database ${pg.escapeIdentifier(rows[0]!.name)} to yimen_app, yimen_sequencer`)
  } finally {
    await client.end()
  }
  const as = (role: Role) => {
    const url = new URL(databaseUrl)
    url.searchParams.set('options', `-c role=${role}`)
    return url.href
  }
  return { migrator: as('yimen_migrator'), app: as('yimen_app'), sequencer: as('yimen_sequencer') }
}
