import { sql, type Tx } from '#kernel/db/index.ts'

export interface RemindRow {
  readonly payer: string
  readonly billId: string
  readonly billerId: string
  readonly accountId: string
  readonly periodFrom: string
  readonly periodTo: string
  readonly amountFen: number
  readonly issuedAt: Date
  readonly dueOn: string
  readonly accountNo: string
}

/** Bills of accounts that signed-in residents keep, as far as something could be said of them; after a place in the order of (payer, bill). */
export const listRemindable = (
  tx: Tx,
  tenantId: number,
  q: {
    readonly issuedSince: Date
    readonly dueFrom: string
    readonly dueTo: string
    readonly after: readonly [string, string]
    readonly limit: number
  },
) =>
  tx.rows<RemindRow>(sql`
    select k.payer, b.id as "billId", b.biller_id as "billerId", b.account_id as "accountId", b.period_from as "periodFrom", b.period_to as "periodTo", b.amount_fen as "amountFen",
      b.issued_at as "issuedAt", b.due_on as "dueOn", a.account_no as "accountNo"
    from billing.binding k
    join billing.account a on a.tenant_id = k.tenant_id and a.id = k.account_id and not a.is_closed
    join billing.bill b on b.tenant_id = k.tenant_id and b.account_id = k.account_id and b.withdrawn_at is null and not b.settled_before
    where k.tenant_id = ${tenantId} and k.payer like 'resident:%' and (k.payer, b.id) > (${q.after[0]}, ${q.after[1]}::uuid)
      and (b.issued_at >= ${q.issuedSince} or b.due_on between ${q.dueFrom} and ${q.dueTo})
    order by k.payer, b.id limit ${q.limit}`)
