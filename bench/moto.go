package main

import (
	"fmt"
	"net"
	"os/exec"
	"time"
)

// compareMoto measures moto_server, if it is installed, with the same calls from one client, as the
// root user: it does not enforce anything unless asked.
func compareMoto(length time.Duration) error {
	path, err := exec.LookPath("moto_server")
	if err != nil {
		fmt.Println("\nmoto_server is not installed")
		return nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	addr := l.Addr().String()
	l.Close()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	p := &process{cmd: exec.Command(path, "-H", "127.0.0.1", "-p", port), addr: addr}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	defer p.stop()
	if err := await(addr, 30*time.Second); err != nil {
		return err
	}
	create, err := sign(addr, "iam", "", query("CreateRole", iamVersion, "RoleName", "app", "AssumeRolePolicyDocument", trust))
	if err != nil {
		return err
	}
	if _, err := call(addr, create); err != nil {
		return fmt.Errorf("moto_server: %w", err)
	}
	fmt.Println("\nmoto_server, which neither verifies nor enforces as it is started here")
	for _, c := range []struct{ name, service, body string }{
		{"sts:GetCallerIdentity", "sts", query("GetCallerIdentity", stsVersion)},
		{"sts:AssumeRole", "sts", query("AssumeRole", stsVersion, "RoleArn", "arn:aws:iam::000000000000:role/app", "RoleSessionName", "bench")},
		{"iam:GetRole", "iam", query("GetRole", iamVersion, "RoleName", "app")},
	} {
		r, err := sign(addr, c.service, "", c.body)
		if err != nil {
			return err
		}
		before, err := p.cpu()
		if err != nil {
			return err
		}
		// Its server closes a connection after each answer.
		calls, begin := 0, time.Now()
		for ; time.Since(begin) < length; calls++ {
			if _, err := call(addr, r); err != nil {
				return fmt.Errorf("moto_server: %s: %w", c.name, err)
			}
		}
		took := time.Since(begin)
		after, err := p.cpu()
		if err != nil {
			return err
		}
		f := figure{perSecond: float64(calls) / took.Seconds(), cpu: (after - before) / time.Duration(calls)}
		fmt.Printf("%-44s %10.0f %12v\n", c.name, f.perSecond, f.cpu.Round(100*time.Nanosecond))
	}
	return nil
}

func await(addr string, patience time.Duration) error {
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			return c.Close()
		}
		if time.Now().After(end) {
			return err
		}
	}
}
