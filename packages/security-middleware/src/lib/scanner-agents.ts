const agents = ['sqlmap', 'nikto', 'nessus', 'acunetix', 'nmap', 'masscan', 'zgrab', 'dirbuster', 'gobuster', 'feroxbuster', 'ffuf', 'wfuzz', 'wpscan', 'joomscan', 'nuclei', 'w3af', 'arachni', 'netsparker', 'invicti', 'openvas', 'havij', 'whatweb', 'jaeles', 'commix', 'xsser', 'fimap', 'hydra', 'medusa', 'skipfish', 'vega/', 'zmeu', 'morfeus', 'webshag', 'websecurify', 'grendel-scan', 'dirsearch', 'burpcollaborator', 'owasp', 'zap/', 'qualys', 'detectify', 'appscan', 'webinspect', 'jorgee', 'xspider', 'pangolin', 'bsqlbf', 'sqlninja', 'paros', 'wapiti', 'httpx - open-source project', 'interactsh', 'cmsmap', 'droopescan', 'log4shell', 'searchsploit', 'metasploit'] as const

/** Whether a User-Agent names a vulnerability scanner. Only the lazy say so; that they do is worth knowing. */
export function isScannerAgent(agent: string): boolean {
  const folded = agent.toLowerCase()
  return agents.some((name) => folded.includes(name))
}

/** Paths a shop of this kind does not have and scanners ask for. */
export const honeypotPaths: readonly string[] = ['/wp-login.php', '/wp-admin/*', '/wp-content/*', '/wp-includes/*', '/xmlrpc.php', '/phpmyadmin/*', '/pma/*', '/phpinfo.php', '/.env', '/.git/*', '/.svn/*', '/.aws/*', '/.ssh/*', '/.DS_Store', '/.htaccess', '/cgi-bin/*', '/server-status', '/server-info', '/actuator/*', '/manager/html', '/solr/*', '/jenkins/*', '/console/login/*', '/boaform/*', '/vendor/phpunit/*', '/HNAP1', '/owa/*', '/autodiscover/*', '/config.php', '/backup.sql', '/dump.sql', '/web.config', '/WEB-INF/*', '/telescope/*', '/_ignition/*', '/eval-stdin.php', '/shell.php', '/hudson/*', '/geoserver/*', '/struts/*']
