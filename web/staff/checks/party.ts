import type { Lang } from '#kernel/context.ts'
import { billerOf } from '#modules/payments/index.ts'
import { channelName } from '#web/resident/routes/views.ts'

export type Billers = readonly { readonly id: string; readonly nameZh: string; readonly nameEn: string }[]

/** Whose paper it is: a channel's, a bank's, or a biller's by its name. */
export function partyName(lang: Lang, channel: string, billers: Billers): string {
  const id = billerOf(channel)
  if (channel.startsWith('bank:')) return channel.slice('bank:'.length)
  if (id === undefined) return channelName(lang, channel)
  const biller = billers.find(known => known.id === id)
  return biller ? (lang === 'en' ? biller.nameEn : biller.nameZh) : id
}
