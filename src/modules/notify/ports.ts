/** What is handed to a messenger. */
export interface Outgoing {
  /** Telephone number or open id. */
  readonly to: string
  /** Name of the wording; an adapter may know it by a number of the other side. */
  readonly template: string
  /** Text with `{name}` places. */
  readonly wording: string
  readonly params: Readonly<Record<string, string>>
  /** The same for every try of one message, so that the other side can tell a repetition. At most 64 characters. */
  readonly outId: string
}

/** `unknown`: it may or may not have gone out; ask again with the same `outId`. */
export type Delivery =
  | { readonly kind: 'sent' }
  | { readonly kind: 'rejected'; readonly why: string }
  | { readonly kind: 'unknown'; readonly why: string }

export interface NotifyPort {
  /** Never throws for trouble on the other side. */
  send(message: Outgoing): Promise<Delivery>
}
