import { CanonicalError, canonicalJson } from '#engines/hashtree/index.ts'
import { entryQuarantined, upcast } from './events.ts'

/** An entry as readers get it, its body lifted to the newest version. */
export interface TrailEntry {
  readonly tenantId: number
  readonly index: number
  readonly id: string
  readonly at: Date
  readonly type: string
  readonly version: number
  readonly actor: { readonly kind: string; readonly id: string }
  readonly subject: { readonly kind: string; readonly id: string }
  readonly requestId: string
  readonly body: Readonly<Record<string, unknown>>
}

export interface EntryRow {
  tenant_id: number
  idx: number
  id: string
  at: Date
  type: string
  version: number
  actor_kind: string
  actor_id: string
  subject_kind: string
  subject_id: string
  request_id: string
  body: Record<string, unknown>
}

export const entryColumns = 'tenant_id, idx, id, at, type, version, actor_kind, actor_id, subject_kind, subject_id, request_id, body'

/** Throws Error for an event newer than this program knows. */
export function toEntry(row: EntryRow): TrailEntry {
  const { version, body } = upcast(row.type, row.version, row.body)
  return {
    tenantId: row.tenant_id,
    index: row.idx,
    id: row.id,
    at: row.at,
    type: row.type,
    version,
    actor: { kind: row.actor_kind, id: row.actor_id },
    subject: { kind: row.subject_kind, id: row.subject_id },
    requestId: row.request_id,
    body,
  }
}

/** An event before it is sealed; its body is the text its writer gave. */
export type PendingEvent = Omit<EntryRow, 'idx' | 'body'> & { readonly body: string }

function spell(row: Omit<EntryRow, 'idx'>): string {
  return canonicalJson({
    actor: { id: row.actor_id, kind: row.actor_kind },
    at: row.at.toISOString(),
    body: row.body,
    id: row.id,
    request: row.request_id,
    subject: { id: row.subject_id, kind: row.subject_kind },
    tenant: row.tenant_id,
    type: row.type,
    version: row.version,
  })
}

/** The text that is hashed. A row without a canonical form is sealed as a quarantined one that keeps its body as text. */
export function canonicalEntry(row: PendingEvent): string {
  try {
    return spell({ ...row, body: JSON.parse(row.body) as Record<string, unknown> })
  } catch (error) {
    if (!(error instanceof CanonicalError || error instanceof SyntaxError)) throw error
    const body = { type: row.type, version: row.version, text: row.body }
    return spell({ ...row, type: entryQuarantined.type, version: entryQuarantined.version, body })
  }
}

/** Each tenant has a tree of its own below the installation's name. */
export const originOf = (base: string, tenantId: number): string => `${base}/${tenantId}`
