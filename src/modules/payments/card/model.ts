/** The channel of cards taken on a terminal that stands beside the desk; its merchant number is the terminal. */
export const CARD = 'card'

const wide = (text: string): string => text.normalize('NFKC').replace(/\s/g, '').toUpperCase()

/** What stands on the slip of a terminal, as people type it; undefined for what cannot be one. */
export const readTerminal = (text: string): string | undefined => (/^[0-9A-Z]{8}$/.test(wide(text)) ? wide(text) : undefined)
export const readReference = (text: string): string | undefined => (/^\d{12}$/.test(wide(text)) ? wide(text) : undefined)
export const readLast4 = (text: string): string | undefined => (/^\d{4}$/.test(wide(text)) ? wide(text) : undefined)

export interface CardKey {
  readonly terminal: string
  /** 'YYYY-MM-DD' */
  readonly day: string
  readonly reference: string
}

/** A terminal numbers its transactions anew after a while: terminal, day and reference together are one. */
export const cardNo = ({ terminal, day, reference }: CardKey): string => `${terminal}-${day.replaceAll('-', '')}-${reference}`
