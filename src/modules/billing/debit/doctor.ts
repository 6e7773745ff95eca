import { createHash } from 'node:crypto'
import { type Db, sql } from '#kernel/db/index.ts'
import type { Check } from '#modules/trail/index.ts'

const VERSIONS_MAX = 100_000

/** M1 and M2: mandates are as they were agreed to, and nothing was debited beyond them. */
export async function checkMandates(db: Db, tenantId: number): Promise<Check[]> {
  const t = tenantId
  return db.read(t, async tx => {
    const versions = await tx.rows<{
      id: string
      version: number
      replaces: number | null
      wording: string
      sha256: Buffer
      of: number
    }>(sql`
      select v.mandate_id as id, v.version, v.replaces, v.wording, v.wording_sha256 as sha256, m.version as of
      from billing.debit_version v join billing.debit_mandate m on m.tenant_id = v.tenant_id and m.id = v.mandate_id
      where v.tenant_id = ${t} order by v.mandate_id, v.version limit ${VERSIONS_MAX}`)
    const bad = versions.filter(
      v => (v.replaces ?? 0) !== v.version - 1 || v.version > v.of || !createHash('sha256').update(v.wording).digest().equals(v.sha256),
    )
    const differ = await tx.rows<{ orderId: string; outcome: string; amountFen: number }>(sql`
      select i.order_id as "orderId", i.outcome, i.amount_fen as "amountFen" from billing.debit_item i
      left join billing.debit_mandate m on m.tenant_id = i.tenant_id and m.id = i.mandate_id
      left join billing.debit_version o on o.tenant_id = i.tenant_id and o.mandate_id = i.mandate_id and o.version = i.version
      where i.tenant_id = ${t} and (m.id is null or o.version is null or (i.outcome <> 'over_ceiling' and i.amount_fen > o.ceiling_fen)) limit 5`)
    return [
      {
        id: 'M1',
        name: 'each version of a mandate names the one before and is word for word as agreed',
        ok: bad.length === 0,
        detail: bad.length === 0 ? '' : JSON.stringify(bad.slice(0, 5)),
      },
      {
        id: 'M2',
        name: 'each debit was within the ceiling of the version it was made under',
        ok: differ.length === 0,
        detail: differ.length === 0 ? '' : JSON.stringify(differ),
      },
    ]
  })
}
