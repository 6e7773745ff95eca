import type { Lang } from '#kernel/context.ts'
import { addDays, dayOf, startOfDay } from '#kernel/time.ts'
import { messages as en } from './messages.en.ts'
import { messages as zh } from './messages.zh-CN.ts'

export type Template = keyof typeof zh
export type Channel = 'in_app' | 'sms' | 'wechat'
export type OutsideChannel = Exclude<Channel, 'in_app'>
export type MessageState = 'queued' | 'sent' | 'failed' | 'suppressed'
export type Params = Readonly<Record<string, string | number>>

export const topics = ['sign_in', 'bills', 'payments', 'tasks'] as const
export type Topic = (typeof topics)[number]
/** What nobody can switch off: without it the act itself is impossible. */
export const MANDATORY: ReadonlySet<Topic> = new Set(['sign_in'])

const QUIET_FROM_H = 21
const QUIET_UNTIL_H = 8
const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS

/** Ordinary messages to one person on one day, over all outside channels. */
export const BUDGET_PER_DAY = 3
/** An ordinary message that found no room for this long is not sent any more. */
export const STALE_MS = 3 * DAY_MS
export const TRIES_MAX = 8
export const TAKEN_MAX = 50
/** Nobody else takes a message while its answer is awaited. */
export const LEASE_MS = 60_000

/** 10 s, 20 s, 40 s … at most an hour, until an unknown outcome is asked about again. */
export const retryAfterMs = (tries: number): number => Math.min(10_000 * 2 ** Math.max(0, tries), HOUR_MS)

/** First instant from `at` on outside 21:00 to 08:00 Asia/Shanghai. */
export function afterQuiet(at: Date): Date {
  const day = dayOf(at)
  const hour = (at.getTime() - startOfDay(day).getTime()) / HOUR_MS
  if (hour >= QUIET_UNTIL_H && hour < QUIET_FROM_H) return at
  return morningOf(hour < QUIET_UNTIL_H ? day : addDays(day, 1))
}

const morningOf = (day: string): Date => new Date(startOfDay(day).getTime() + QUIET_UNTIL_H * HOUR_MS)
export const nextMorning = (at: Date): Date => morningOf(addDays(dayOf(at), 1))

export const wordingOf = (template: Template, lang: Lang): string => (lang === 'en' ? en : zh)[template]

/** Parameters a wording has places for. */
export const placesOf = (wording: string): string[] => [...new Set(Array.from(wording.matchAll(/\{(\w+)\}/g), match => match[1]!))]

/** The finished text. Throws Error for a missing parameter: a bug of the sender. */
export function textOf(template: Template, lang: Lang, params: Params): string {
  return wordingOf(template, lang).replace(/\{(\w+)\}/g, (_place, name: string) => {
    // A name may be given in English as well, under its own key.
    const value = (lang === 'en' ? params[`${name}_en`] : undefined) ?? params[name]
    if (value === undefined) throw new Error(`message ${template}: parameter ${name} is missing`)
    return String(value)
  })
}
