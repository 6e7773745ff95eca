import { sql, type Tx } from '#kernel/db/index.ts'

export interface ClientRow {
  readonly billerId: string
  readonly purpose: 'push' | 'call'
  readonly clientId: string
  readonly secretSealed: Buffer
  readonly baseUrl: string | null
  readonly hourlyMax: number
}

type Which = Pick<ClientRow, 'billerId' | 'purpose' | 'clientId'>

const COLUMNS = sql`c.biller_id as "billerId", c.purpose, c.client_id as "clientId", c.secret_sealed as "secretSealed", c.base_url as "baseUrl",
  c.hourly_max as "hourlyMax"`

export const findClient = (tx: Tx, tenantId: number, c: Which) =>
  tx.maybe<ClientRow>(sql`
    select ${COLUMNS} from billing.client c
    where c.tenant_id = ${tenantId} and c.biller_id = ${c.billerId} and c.purpose = ${c.purpose} and c.client_id = ${c.clientId} and c.revoked_at is null`)

/** Every credential ever given, the newest first within a biller; secrets stay sealed. */
export const listClients = (tx: Tx, tenantId: number) =>
  tx.rows<ClientRow & { revokedAt: Date | null }>(sql`
    select ${COLUMNS}, c.revoked_at as "revokedAt" from billing.client c
    where c.tenant_id = ${tenantId} order by c.biller_id, c.purpose, c.opened_at desc limit 500`)

/** The credentials we call a biller with. */
export const findCaller = (tx: Tx, tenantId: number, billerId: string) =>
  tx.maybe<ClientRow>(sql`
    select ${COLUMNS} from billing.client c
    where c.tenant_id = ${tenantId} and c.biller_id = ${billerId} and c.purpose = 'call' and c.revoked_at is null order by c.opened_at desc limit 1`)

export const upsertClient = (tx: Tx, tenantId: number, c: ClientRow, at: Date) =>
  tx.run(sql`
    insert into billing.client (tenant_id, biller_id, purpose, client_id, secret_sealed, base_url, hourly_max, hour_at, used, opened_at)
    values (${tenantId}, ${c.billerId}, ${c.purpose}, ${c.clientId}, ${c.secretSealed}, ${c.baseUrl}, ${c.hourlyMax}, ${at}, 0, ${at})
    on conflict (tenant_id, biller_id, purpose, client_id) do update set secret_sealed = excluded.secret_sealed, base_url = excluded.base_url,
      hourly_max = excluded.hourly_max, opened_at = excluded.opened_at, revoked_at = null`)

export const revokeOtherClients = (tx: Tx, tenantId: number, c: Which, at: Date) =>
  tx.run(sql`
    update billing.client set revoked_at = ${at}
    where tenant_id = ${tenantId} and biller_id = ${c.billerId} and purpose = ${c.purpose} and client_id <> ${c.clientId} and revoked_at is null`)

export const revokeClient = (tx: Tx, tenantId: number, c: Which, at: Date) =>
  tx.run(sql`
    update billing.client set revoked_at = ${at}
    where tenant_id = ${tenantId} and biller_id = ${c.billerId} and purpose = ${c.purpose} and client_id = ${c.clientId} and revoked_at is null`)

/** Counts one push of this hour; 0 rows when the hour's share is used up. The row's lock makes pushes of one client follow each other. */
export const countPush = (tx: Tx, tenantId: number, c: Which, now: Date, hourAgo: Date) =>
  tx.run(sql`
    update billing.client set used = case when hour_at > ${hourAgo} then used + 1 else 1 end, hour_at = case when hour_at > ${hourAgo} then hour_at else ${now} end
    where tenant_id = ${tenantId} and biller_id = ${c.billerId} and purpose = ${c.purpose} and client_id = ${c.clientId} and revoked_at is null
      and (used < hourly_max or hour_at <= ${hourAgo})`)

export const forgetNonces = (tx: Tx, tenantId: number, now: Date) =>
  tx.run(sql`delete from billing.push_nonce where tenant_id = ${tenantId} and expires_at < ${now}`)

/** 0 rows when this nonce was seen before. */
export const insertNonce = (tx: Tx, tenantId: number, clientId: string, nonce: string, expiresAt: Date) =>
  tx.run(sql`
    insert into billing.push_nonce (tenant_id, client_id, nonce, expires_at) values (${tenantId}, ${clientId}, ${nonce}, ${expiresAt}) on conflict do nothing`)
