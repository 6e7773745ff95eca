import { en } from '#web/messages.en.ts'
import { zh } from '#web/messages.zh-CN.ts'
import type { Lang } from './format.ts'

export type MessageKey = keyof typeof zh
export type Params = Readonly<Record<string, string | number>>
export type Translate = (key: MessageKey, params?: Params) => string

const tables: Record<Lang, Record<MessageKey, string>> = { 'zh-CN': zh, en }

/** Text of a key in one language with `{name}` filled in. A missing parameter is a bug and throws. */
export const t =
  (lang: Lang): Translate =>
  (key, params) =>
    tables[lang][key].replace(/\{(\w+)\}/g, (_, name: string) => {
      const value = params?.[name]
      if (value === undefined) throw new Error(`message ${key} needs {${name}}`)
      return String(value)
    })

/** Whether a key made from data, such as the name of an event, has words. */
export const hasMessage = (key: string): key is MessageKey => Object.hasOwn(zh, key)
