import { type Sql, sql, type Tx } from '#kernel/db/index.ts'
import { CASH, DEBIT } from '../model.ts'
import type { StatedDay } from './model.ts'

/** More are looked at the next time. */
export const MOVES_MAX = 5_000
/** Days back for which a payout is still waited for. */
export const LOOK_BACK_DAYS = 60

export interface BankAccount {
  readonly bank: string
  /** 'bank': a supervised account of a licensed institution; 'own': money passes through ours. */
  readonly heldBy: 'bank' | 'own'
  readonly accountId: number
  readonly feeAccountId: number
  readonly roundingAccountId: number
}

const ACCOUNT = sql`a.bank, a.held_by as "heldBy", a.account_id as "accountId", a.fee_account_id as "feeAccountId", a.rounding_account_id as "roundingAccountId"`

export const putBankAccount = (tx: Tx, tenantId: number, a: BankAccount, at: Date) =>
  tx.run(sql`
    insert into payments.bank_account (tenant_id, bank, held_by, account_id, fee_account_id, rounding_account_id, opened_at)
    values (${tenantId}, ${a.bank}, ${a.heldBy}, ${a.accountId}, ${a.feeAccountId}, ${a.roundingAccountId}, ${at})
    on conflict (tenant_id, bank) do update set held_by = excluded.held_by`)

export const findBankAccount = (tx: Tx, tenantId: number, bank: string) =>
  tx.maybe<BankAccount>(sql`select ${ACCOUNT} from payments.bank_account a where a.tenant_id = ${tenantId} and a.bank = ${bank}`)

export const listBankAccounts = (tx: Tx, tenantId: number) =>
  tx.rows<BankAccount>(sql`select ${ACCOUNT} from payments.bank_account a where a.tenant_id = ${tenantId} order by a.bank limit 20`)

/** One file, payout or remittance of a tenant at a time: whichever order they come in, they are looked at one after another. */
export const lockBank = (tx: Tx, tenantId: number) =>
  tx.run(sql`select pg_advisory_xact_lock(hashtextextended(${`payments.bank:${tenantId}`}, 0))`)

export interface BankFileRow {
  readonly id: string
  readonly bank: string
  readonly day: string
  readonly name: string
  readonly rows: number
  readonly openingFen: number
  readonly closingFen: number
  readonly receivedAt: Date
}

const FILE = sql`f.id, f.bank, f.day, f.name, f.rows, f.opening_fen as "openingFen", f.closing_fen as "closingFen", f.received_at as "receivedAt"`

export const findBankFile = (tx: Tx, tenantId: number, bank: string, sha256: Buffer) =>
  tx.maybe<BankFileRow>(
    sql`select ${FILE} from payments.bank_file f where f.tenant_id = ${tenantId} and f.bank = ${bank} and f.sha256 = ${sha256}`,
  )

export const listBankFiles = (tx: Tx, tenantId: number, limit: number) =>
  tx.rows<BankFileRow>(
    sql`select ${FILE} from payments.bank_file f where f.tenant_id = ${tenantId} order by f.day desc, f.bank limit ${limit}`,
  )

export const insertBankFile = (
  tx: Tx,
  tenantId: number,
  f: BankFileRow & { readonly sha256: Buffer; readonly by: string; readonly sealed: Buffer },
) =>
  tx.run(sql`
    insert into payments.bank_file (tenant_id, id, bank, day, sha256, name, rows, opening_fen, closing_fen, received_at, received_by, bytes_sealed)
    values (${tenantId}, ${f.id}, ${f.bank}, ${f.day}, ${f.sha256}, ${f.name}, ${f.rows}, ${f.openingFen}, ${f.closingFen}, ${f.receivedAt}, ${f.by}, ${f.sealed})`)

export interface Movement {
  readonly bank: string
  readonly serial: string
  readonly fileId: string
  readonly line: number
  readonly at: Date
  readonly amountFen: number
  readonly kind: 'settle' | 'debit' | 'cash' | 'remit' | 'other'
  /** Channel and merchant number; the bank that debits and the batch; of cash the drawer as the latter; or the biller. */
  readonly party: string
  readonly mchid: string
  /** The day it says it is for; of other movements the day it was made. */
  readonly aboutDay: string
}

/** The document a movement is in the books. */
export const bankRef = (m: Pick<Movement, 'bank' | 'serial'>): string => `bank:${m.bank}:${m.serial}`

const MOVEMENT = sql`m.bank, m.serial, m.file_id as "fileId", m.line, m.at, m.amount_fen as "amountFen", m.kind, m.party, m.mchid, m.about_day as "aboutDay"`

export const findMovement = (tx: Tx, tenantId: number, bank: string, serial: string) =>
  tx.maybe<Movement>(
    sql`select ${MOVEMENT} from payments.bank_move m where m.tenant_id = ${tenantId} and m.bank = ${bank} and m.serial = ${serial}`,
  )

/** False when the bank told of it before. */
export const insertMovement = async (tx: Tx, tenantId: number, m: Movement): Promise<boolean> =>
  (await tx.run(sql`
    insert into payments.bank_move (tenant_id, bank, serial, file_id, line, at, amount_fen, kind, party, mchid, about_day)
    values (${tenantId}, ${m.bank}, ${m.serial}, ${m.fileId}, ${m.line}, ${m.at}, ${m.amountFen}, ${m.kind}, ${m.party}, ${m.mchid}, ${m.aboutDay})
    on conflict do nothing`)) === 1

export interface UnbookedMovement extends Movement {
  readonly receivedAt: Date
}

/** Movements not booked yet, by the day they are for. */
export const listUnbooked = (tx: Tx, tenantId: number, kind: Movement['kind'], limit: number) =>
  tx.rows<UnbookedMovement>(sql`
    select ${MOVEMENT}, f.received_at as "receivedAt" from payments.bank_move m join payments.bank_file f on f.tenant_id = m.tenant_id and f.id = m.file_id
    where m.tenant_id = ${tenantId} and m.booked_at is null and m.kind = ${kind} order by m.about_day, m.bank, m.serial limit ${limit}`)

export const markBooked = (tx: Tx, tenantId: number, m: Pick<Movement, 'bank' | 'serial'>, at: Date) =>
  tx.run(sql`
    update payments.bank_move set booked_at = ${at}
    where tenant_id = ${tenantId} and bank = ${m.bank} and serial = ${m.serial} and booked_at is null`)

const stated = (tenantId: number, channel: string, mchid: string): Sql => sql`
  select s.day, s.rows, s.paid_fen - s.refunded_fen as "grossFen", s.fee_e5 as "feeE5", s.discount_fen as "discountFen" from payments.statement s
  where s.tenant_id = ${tenantId} and s.channel = ${channel} and s.mchid = ${mchid} and s.superseded_at is null and s.rows > 0
    and not exists (select from payments.settled_day d where d.tenant_id = ${tenantId} and d.channel = s.channel and d.mchid = s.mchid and d.day = s.day)`

/** Days of a merchant account up to one, with a statement that counts and no payout, oldest first. */
export const listOpenDays = (tx: Tx, tenantId: number, channel: string, mchid: string, upTo: string) =>
  tx.rows<StatedDay>(sql`select * from (${stated(tenantId, channel, mchid)}) o where o.day <= ${upTo} order by o.day limit 400`)

export interface SettledDay extends StatedDay {
  readonly channel: string
  readonly mchid: string
  readonly feeFen: number
  readonly roundingFen: number
  readonly bank: string
  readonly serial: string
}

export const insertSettledDay = (tx: Tx, tenantId: number, d: SettledDay, at: Date) =>
  tx.run(sql`
    insert into payments.settled_day (tenant_id, channel, mchid, day, rows, gross_fen, discount_fen, fee_e5, fee_fen, rounding_fen, bank, serial, booked_at)
    values (${tenantId}, ${d.channel}, ${d.mchid}, ${d.day}, ${d.rows}, ${d.grossFen}, ${d.discountFen}, ${d.feeE5}, ${d.feeFen}, ${d.roundingFen}, ${d.bank}, ${d.serial}, ${at})`)

/** A day of a channel with its payout, or still without one. */
export interface PayoutDay extends StatedDay {
  readonly channel: string
  readonly mchid: string
  readonly feeFen: number | null
  readonly roundingFen: number | null
  readonly bookedAt: Date | null
  /** What was booked differs from what the statement says by now. */
  readonly isChanged: boolean
}

/** Days of [from, to] of every channel that states any, newest first. */
export const listPayoutDays = (tx: Tx, tenantId: number, from: string, to: string) =>
  tx.rows<PayoutDay>(sql`
    select s.channel, s.mchid, s.day, s.rows, s.paid_fen - s.refunded_fen as "grossFen", s.fee_e5 as "feeE5",
      s.discount_fen as "discountFen", d.fee_fen as "feeFen",
      d.rounding_fen as "roundingFen", d.booked_at as "bookedAt",
      coalesce(d.gross_fen <> s.paid_fen - s.refunded_fen or d.fee_e5 <> s.fee_e5 or d.discount_fen <> s.discount_fen, false) as "isChanged"
    from payments.statement s
    left join payments.settled_day d on d.tenant_id = s.tenant_id and d.channel = s.channel and d.mchid = s.mchid and d.day = s.day
    where s.tenant_id = ${tenantId} and s.day between ${from} and ${to} and s.superseded_at is null and s.rows > 0
    order by s.day desc, s.channel, s.mchid`)

export const findMerchantOf = (tx: Tx, tenantId: number, channel: string, mchid: string) =>
  tx.maybe<{ clearing: number }>(
    sql`select clearing_account_id as clearing from payments.merchant where tenant_id = ${tenantId} and channel = ${channel} and mchid = ${mchid}`,
  )

/** The accounts money waits on until it is at the bank, of batches named 'BANK:NUMBER', or of drawers. */
export async function mapTransit(tx: Tx, tenantId: number, channel: string, keys: readonly string[]): Promise<Map<string, number>> {
  const rows = await tx.rows<{ key: string; account: number }>(sql`
    select mchid as key, clearing_account_id as account from payments.merchant
    where tenant_id = ${tenantId} and channel = ${channel} and mchid = any(${[...keys]}::text[])`)
  return new Map(rows.map(row => [row.key, row.account]))
}

export const listDrawerAccounts = (tx: Tx, tenantId: number) =>
  tx.rows<{ drawer: string; account: number }>(sql`
    select mchid as drawer, clearing_account_id as account from payments.merchant
    where tenant_id = ${tenantId} and channel = ${CASH} order by mchid limit 1000`)

export const listTransitBatches = (tx: Tx, tenantId: number, from: string, to: string) =>
  tx.rows<{ batch: string; day: string; account: number; paidFen: number }>(sql`
    select m.mchid as batch, b.day, m.clearing_account_id as account, coalesce((
      select sum(v.amount_fen) from payments.bank_move v
      where v.tenant_id = ${tenantId} and v.kind = 'debit' and v.booked_at is not null and v.party = b.bank and v.mchid = b.batch_no), 0)::bigint as "paidFen"
    from payments.debit_batch b
    join payments.merchant m on m.tenant_id = ${tenantId} and m.channel = ${DEBIT} and m.mchid = b.bank || ':' || b.batch_no
    where b.tenant_id = ${tenantId} and b.day between ${from} and ${to} order by b.day desc, b.batch_no desc limit 1000`)

/** Booked remittances by 'bank serial': their signed amounts. */
export async function mapRemitMovements(tx: Tx, tenantId: number): Promise<Map<string, number>> {
  const rows = await tx.rows<{ key: string; fen: number }>(sql`
    select bank || ' ' || serial as key, amount_fen as fen from payments.bank_move
    where tenant_id = ${tenantId} and kind = 'remit' and booked_at is not null`)
  return new Map(rows.map(row => [row.key, row.fen]))
}
