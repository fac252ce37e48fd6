# syntax=docker/dockerfile:1
ARG GO_IMAGE=docker.io/library/golang:1.26

FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/emulator ./cmd/emulator
# A directory for the volume, owned by the user below: scratch has no mkdir.
RUN mkdir -p /out/data && cp /etc/ssl/certs/ca-certificates.crt /out/

FROM scratch
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/emulator /emulator
COPY --from=build --chown=65532:65532 --chmod=0700 /out/data /data
USER 65532:65532
# In a container loopback is the container's own: listen where a published port leads.
ENV EMULATOR_LISTEN=0.0.0.0:4566
VOLUME /data
EXPOSE 4566
HEALTHCHECK --interval=5s --timeout=3s --start-period=1s CMD ["/emulator", "health"]
ENTRYPOINT ["/emulator"]
CMD ["serve", "--data-dir=/data"]
