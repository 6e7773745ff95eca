import { z } from 'zod'

/** Lifts the body of version `from` to `from + 1`; pure. */
export interface Upcast {
  readonly from: number
  up(body: Readonly<Record<string, unknown>>): Record<string, unknown>
}

export interface EventDef<B extends z.ZodObject = z.ZodObject, P extends string = string> {
  /** Past tense with the module in front: `billing.bill_issued`. */
  readonly type: string
  readonly version: number
  /** Kind of thing the event is about: `bill`. */
  readonly subject: string
  readonly body: B
  /** Fields that enter the tree as commitments and can be erased. */
  readonly personal: readonly P[]
  readonly upcasts: readonly Upcast[]
}

export interface EventSpec<B extends z.ZodObject, P extends string> {
  readonly type: string
  readonly version: number
  readonly subject: string
  readonly body: B
  readonly personal?: readonly P[]
  /** One step for each version before the present one. */
  readonly upcast?: Upcast | readonly Upcast[]
}

/** Body as the caller gives it: personal fields may come beside it instead of inside. */
export type BodyInput<B extends z.ZodObject, P extends string> = Omit<z.input<B>, P> & Partial<Pick<z.input<B>, P & keyof z.input<B>>>
export type PersonalInput<B extends z.ZodObject, P extends string> = Partial<Pick<z.input<B>, P & keyof z.input<B>>>

const registry = new Map<string, EventDef>()

const TYPE = /^[a-z_]+\.[a-z_]+$/

/**
 * Names an event once for the whole product. Throws Error for a type taken already, a personal field the body
 * does not have, or a version without a step from each one before.
 */
export function defineEvent<B extends z.ZodObject, const P extends string & keyof z.infer<B> = never>(
  spec: EventSpec<B, P>,
): EventDef<B, P> {
  const { type, version, subject, body, personal = [], upcast = [] } = spec
  const upcasts = Array.isArray(upcast) ? (upcast as readonly Upcast[]) : [upcast as Upcast]
  if (!TYPE.test(type)) throw new Error(`event type ${type} is not of the form module.past_tense`)
  if (registry.has(type)) throw new Error(`event type ${type} is defined twice`)
  const stranger = personal.find(field => !(field in body.shape))
  if (stranger !== undefined) throw new Error(`${type}: personal field ${stranger} is not in the body`)
  const steps = upcasts.map(step => step.from).sort((a, b) => a - b)
  const wanted = Array.from({ length: version - 1 }, (_, i) => i + 1)
  if (steps.join() !== wanted.join())
    throw new Error(`${type}@${version} needs upcasts from ${wanted.join() || 'none'}, has ${steps.join() || 'none'}`)
  const def: EventDef<B, P> = { type, version, subject, body, personal, upcasts }
  registry.set(type, def as unknown as EventDef)
  return def
}

export const findEvent = (type: string): EventDef | undefined => registry.get(type)

export const listEvents = (): EventDef[] => [...registry.values()].sort((a, b) => (a.type < b.type ? -1 : 1))

/** Body as the newest version has it. An event of an unknown type passes as it is; a version from the future throws Error. */
export function upcast(type: string, version: number, body: Record<string, unknown>): { version: number; body: Record<string, unknown> } {
  const def = registry.get(type)
  if (!def) return { version, body }
  if (version > def.version) throw new Error(`${type}@${version} is newer than this program, which knows @${def.version}`)
  let lifted = body
  for (let at = version; at < def.version; at++) lifted = def.upcasts.find(step => step.from === at)!.up(lifted)
  return { version: def.version, body: lifted }
}

export const requestRefused = defineEvent({
  type: 'trail.request_refused',
  version: 1,
  subject: 'request',
  body: z.object({ code: z.string().max(200), place: z.string().max(200) }),
})

export const personalErased = defineEvent({
  type: 'trail.personal_erased',
  version: 1,
  subject: 'erasure',
  body: z.object({ subjectKind: z.string().max(100), count: z.int().min(0) }),
})

/** Stands in for a pending row that has no canonical form, so that one bad row never stops the trail. */
export const entryQuarantined = defineEvent({
  type: 'trail.entry_quarantined',
  version: 1,
  subject: 'entry',
  body: z.object({ type: z.string(), version: z.int(), text: z.string() }),
})
